from django.urls import path

from oversight import pages

app_name = "oversight"

urlpatterns = [
    path("oversight/", pages.home, name="home"),
    path("oversight/search/", pages.search, name="search"),
    path("oversight/blocks/<int:height>/", pages.block, name="block"),
    path("oversight/transactions/<str:tx_hash>/", pages.transaction, name="transaction"),
    path("oversight/validators/", pages.validators, name="validators"),
    path("oversight/evidence/", pages.evidence, name="evidence"),
]
