"""The portal's own settings, apart from what tests must not share with a portal that runs on this machine.

Nothing here may change how the portal behaves, except that password hashes are cheap.
"""

import atexit
import os
import shutil
import tempfile

for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "MAIL_PROVIDER", "SECRET_KEY", "CODE_KEY"):
    os.environ.setdefault(name, "")  # set, though empty: a .env file must not decide what is tested
os.environ |= {"DEVELOPMENT": "1", "SITE_URL": "http://localhost:8000", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
if not os.environ.get("VAR_DIR"):
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="portal-tests-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

from portal.settings import *  # noqa: E402, F403
from portal.settings import BASE_DIR, DATABASES, VAR_DIR  # noqa: E402

# Kept from one run to the next; `portal.management.commands.prepare` renews it when a source changes.
STATIC_ROOT = BASE_DIR / "var" / "tests" / "static"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file and not memory, as in the embedded default: only then do locks and journal behave as they do there.
DATABASES["default"]["TEST"] = {
    "NAME": f"portal_tests_{os.getpid()}" if os.environ["DATABASE_URL"] else str(VAR_DIR / "tests.sqlite3")
}
