"""Every address of the service; each app says its own."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("mobile_api.urls")),
    path("", include("oversight.urls")),
    path("", include("interop.urls")),
]
