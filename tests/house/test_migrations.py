"""The database's history is whole: every model's present shape is reached by a committed migration."""

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_model_differs_from_its_migrations(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        call_command("makemigrations", "--check", "--dry-run", verbosity=1)
    except SystemExit:
        pytest.fail(f"run manage.py makemigrations for:\n{capsys.readouterr().out}")
