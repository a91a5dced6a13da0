"""What every app stands on, and the way in."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
