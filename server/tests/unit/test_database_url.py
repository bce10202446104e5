"""Every URL that hosting providers hand out is accepted, and an invalid one is explained without its values."""

import pytest

from src.database_url import read_database_url

READ = [
    ("postgresql+asyncpg://u:p@h/d", ("h",), (5432,), "u", "p", "d", None),
    ("postgres://u:p@h:6432/d?sslmode=require", ("h",), (6432,), "u", "p", "d", "require"),
    (
        "postgresql://u:p@h.test/d?sslmode=require&channel_binding=require",
        ("h.test",),
        (5432,),
        "u",
        "p",
        "d",
        "require",
    ),
    ("postgresql://u:p%40%2F%25@h/d?ssl=true", ("h",), (5432,), "u", "p@/%", "d", "require"),
    ("postgresql://u:p/a@b@h/d", ("h",), (5432,), "u", "p/a@b", "d", None),
    ("postgresql://[::1]:7/d", ("::1",), (7,), None, None, "d", None),
    ("postgresql://u@/d?host=/run/postgresql&port=5433", ("/run/postgresql",), (5433,), "u", None, "d", None),
    ("postgresql://%2Frun%2Fpostgresql/d", ("/run/postgresql",), (5432,), None, None, "d", None),
    ("postgresql://a,b:5433/d?target_session_attrs=read-write", ("a", "b"), (5432, 5433), None, None, "d", None),
    ("postgresql:///d?user=u&password=p&dbname=e&connect_timeout=10", (), (), "u", "p", "e", None),
    (" postgres://h/d \n", ("h",), (5432,), None, None, "d", None),
]
WRONG = [
    ("mysql://u:hush@h/d", "postgresql://"),
    ("h/d", "postgresql://"),
    ("postgresql://u:hush@h/d?pgbouncer=true", "pgbouncer"),
    ("postgresql://u:hush@h/d?sslmode=hush", "verify-full"),
    ("postgresql://u:hush@h:70000/d", "65535"),
    ("postgresql://u:hush@h:hush/d", "port"),
    ("postgresql://u:hush@h/d?hush", "name=value"),
    ("postgresql://u:x@h/d?a%20hush=1", "one of its parameters"),
    ("postgresql://u:hush@h/d?sslmode=require&sslrootcert=system", "verify-full"),
]


@pytest.mark.parametrize(("url", "hosts", "ports", "user", "password", "database", "sslmode"), READ)
def test_a_url_is_read_as_its_host_meant_it(
    url: str,
    hosts: tuple[str, ...],
    ports: tuple[int, ...],
    user: str | None,
    password: str | None,
    database: str,
    sslmode: str | None,
) -> None:
    address = read_database_url(url)
    given = address.arguments()

    assert (address.hosts, address.ports, address.sslmode) == (hosts, ports, sslmode)
    assert (given["user"], given["password"], given["database"]) == (user, password, database)
    assert str(password) not in repr(address) or password in {None, "p"}


@pytest.mark.parametrize(("url", "named"), WRONG)
def test_a_url_that_cannot_be_read_is_a_sentence_without_its_values(url: str, named: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        read_database_url(url)

    assert named in str(refused.value)
    assert "hush" not in str(refused.value)


def test_what_the_url_says_of_the_session_goes_along() -> None:
    address = read_database_url("postgresql://h/d?options=endpoint%3Dep-1&application_name=mine")

    assert address.session == {"options": "endpoint=ep-1", "application_name": "mine"}


def test_a_certificate_of_the_system_is_verified_with_the_host() -> None:
    given = read_database_url("postgresql://h/d?sslmode=verify-full&sslrootcert=system").arguments()

    assert given["ssl"].check_hostname
    assert "dsn" not in given
