from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.home, name="home"),
    path("signin/<str:token>/", views.sign_in, name="sign-in"),
    path("signout/", views.sign_out, name="sign-out"),
    path("language/", views.language, name="language"),
]
