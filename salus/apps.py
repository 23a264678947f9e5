from django.apps import AppConfig


class SalusConfig(AppConfig):
    name = "salus"
