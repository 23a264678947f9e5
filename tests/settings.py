"""The project's settings with what only a test may have: a fixed secret and no background work."""

import os
import tempfile

os.environ.setdefault("SALUS_SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("SALUS_HOME", tempfile.mkdtemp(prefix="salus-tests-"))
os.environ.setdefault("SALUS_BACKGROUND", "false")
os.environ.setdefault("SALUS_ALLOWED_HOSTS", "localhost,127.0.0.1,testserver,.localhost")

from salus.settings import *  # noqa: F403
