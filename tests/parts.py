"""What some tests need and a machine may lack: PostgreSQL, Redis, Chromium.

Each function looks for one of them as its environment variable says (or at the usual local address when it is
not set) and returns a `Part`. An empty variable switches the part off.
"""

import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import environ
import psycopg
import redis

# What all runs together write, several times over.
_ROOM_BYTES = 2 * 1024**3
# Set for a moment in a Redis database to keep other runs out of it.
_OWNER_KEY = "portal-tests"


@dataclass(frozen=True)
class Part:
    """`where` is its address, or empty with the reason it is missing in `why`."""

    name: str
    where: str = ""
    why: str = ""


def postgres() -> Part:
    """A PostgreSQL server on which this user may make databases."""
    name = "PostgreSQL"
    if os.environ.get("DATABASE_URL") == "":
        return Part(name, why="DATABASE_URL is empty")
    user = getpass.getuser()
    given = os.environ.get("DATABASE_URL")
    usual = [
        f"postgres://{user}@127.0.0.1:5432/postgres",
        "postgres:////var/run/postgresql/postgres",
    ]
    for url in [given] if given else usual:
        try:
            with connect(url):
                return Part(name, where=url)
        except psycopg.OperationalError:
            continue
    return Part(name, why="it answers neither at DATABASE_URL nor at the usual local address")


def connect(url: str) -> psycopg.Connection:
    """A connection outside any transaction, for making and dropping databases."""
    config = environ.Env.db_url_config(url)
    return psycopg.connect(
        host=config["HOST"] or None,
        port=config["PORT"] or None,
        user=config["USER"] or None,
        password=config["PASSWORD"] or None,
        dbname=config["NAME"],
        connect_timeout=3,
        autocommit=True,
    )


def with_database(url: str, name: str) -> str:
    """The address of another database on the same server (PostgreSQL or Redis)."""
    scheme, _, rest = url.partition("://")
    where, slash, _ = rest.rpartition("/")
    return f"{scheme}://{where if slash else rest}/{name}"


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """The address of a database made for this and dropped afterwards; empty when `url` is."""
    if not url:
        yield ""
        return
    name = f"portal_scratch_{os.getpid()}"
    with connect(url) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield with_database(url, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def redis_server() -> Part:
    """A Redis database that is empty, so that emptying it afterwards takes nothing from anybody."""
    name = "Redis"
    if os.environ.get("REDIS_URL") == "":
        return Part(name, why="REDIS_URL is empty")
    base = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379"
    try:
        for number in range(15, 0, -1):
            url = with_database(base, str(number))
            with redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
                if client.dbsize() == 0 and client.set(_OWNER_KEY, os.getpid(), nx=True):
                    return Part(name, where=url)
    except redis.RedisError:
        return Part(name, why="it answers neither at REDIS_URL nor at the usual local address")
    return Part(name, why="none of its databases 1 to 15 is empty")


def empty_redis(url: str) -> None:
    """Leave the database as `redis_server` found it."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def quick_folder() -> str | None:
    """A folder in memory, where a commit waits for no disk; None where there is none, or too little room."""
    memory = "/dev/shm"  # noqa: S108 - only its owner can enter what tempfile makes in it
    if os.path.isdir(memory) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        return memory
    return None


def chromium() -> Part:
    """The browser's program."""
    name = "Chromium"
    given = os.environ.get("CHROMIUM")
    if given == "":
        return Part(name, why="CHROMIUM is empty")
    for program in [given] if given else ["chromium", "chromium-browser", "google-chrome"]:
        if where := shutil.which(program):
            return Part(name, where=where)
    return Part(name, why="no such program (Debian: apt-get install chromium)")
