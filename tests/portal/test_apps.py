"""What is found when the portal starts, wherever in an app it stands."""

from portal.apps import email_modules
from tests.test_architecture import APPS, ROOT, modules


def test_every_module_that_builds_e_mails_is_found() -> None:
    """One that is not would be imported by chance, or its kinds could not be sent by a worker."""
    building = {path for path in modules(*APPS) if "\n@builds(" in (ROOT / path).read_text()}
    names = {str(path.with_suffix("")).replace("/", ".") for path in building}
    assert names and names <= set(email_modules())
