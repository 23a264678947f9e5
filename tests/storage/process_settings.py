"""Settings for a storage process of its own: one app, its database and folders in $STORAGE_TEST_HOME."""

import os
from pathlib import Path

HOME = Path(os.environ["STORAGE_TEST_HOME"])
SECRET_KEY = "only for tests"
INSTALLED_APPS = ["storage"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "db.sqlite3",
        "OPTIONS": {  # as in the project's settings
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SALUS_STORAGE_PROVIDERS = [f"folder://{HOME / f'provider-{i}'}" for i in range(1, 7)]
SALUS_STORAGE_K, SALUS_STORAGE_N = 4, 6
SALUS_STORAGE_LEASE_S = float(os.environ.get("STORAGE_TEST_LEASE", "600"))
