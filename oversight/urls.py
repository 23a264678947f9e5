from django.urls import path

from oversight import pages

app_name = "oversight"

urlpatterns = [
    path("oversight/", pages.home, name="home"),
    path("oversight/blocks/<int:height>/", pages.block, name="block"),
]
