"""Tenants: whose Prefect API flowdag asks, with which credential, and how much of what is there belongs to them.

Read from configuration files here; Prefect's own profiles come in as a callable, so that Prefect is not imported.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from flowdag.errors import TenantConfigError, UnknownTenant

_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _mistake(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("mistake", "{sentence}", {"sentence": sentence})


def _address(url: str) -> str:
    """The address without its closing slash. No message repeats it: it may hold a password."""
    if not url.lower().startswith(("http://", "https://")):
        raise _mistake("must start with http:// or https://")
    if "\\" in url or " " in url or not url.isprintable():
        raise _mistake("must not contain spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        secretive = "@" in parts.netloc
        valid = secretive or bool(parts.hostname and (parts.port is None or parts.port))
    except ValueError:
        secretive, valid = "@" in url, False
    if secretive:
        raise _mistake("must not hold a user name or a password; give them as auth_string instead")
    if not valid:
        raise _mistake("is not a valid address")
    if "?" in url or "#" in url:
        raise _mistake("must not contain ? or #")
    return url.rstrip("/")


@dataclass(frozen=True)
class _Origin:
    """Where `env:NAME` and `file:PATH` are looked up."""

    folder: Path
    environ: Mapping[str, str]


def _credential(value: object, info: ValidationInfo) -> object:
    """A literal, or with an origin as context what `env:NAME` or `file:PATH` stands for."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _mistake('must be text: the credential itself, "env:NAME" or "file:PATH"')
    origin = info.context
    if isinstance(origin, _Origin):
        kind, _, place = value.partition(":")
        if kind == "env":
            value = _from_environment(place.strip(), origin)
        elif kind == "file":
            value = _from_file(place.strip(), origin)
    if not value:
        raise _mistake("must not be empty")
    # An API key travels bare in an HTTP header; the error about a key that cannot would quote it.
    if info.field_name == "api_key" and not (value.isascii() and value.isprintable() and " " not in value):
        raise _mistake("must be one word of plain letters, digits and signs")
    return value


def _from_environment(name: str, origin: _Origin) -> str:
    if not origin.environ.get(name, "").strip():
        raise _mistake(f"the environment variable {name} is not set")
    return origin.environ[name].strip()


def _from_file(place: str, origin: _Origin) -> str:
    try:
        text = (origin.folder / Path(place).expanduser()).read_text("utf-8")
    except (OSError, ValueError, RuntimeError):  # absent or forbidden; not text; no such home
        text = None
    if text is None:
        raise _mistake(f"the file {place} cannot be read")
    if not text.strip():
        raise _mistake(f"the file {place} is empty")
    return text.strip()


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]
Credential = Annotated[SecretStr | None, BeforeValidator(_credential)]


@dataclass(frozen=True)
class Scope:
    """The runs that belong to a tenant: any value within a key, all keys that name values; none named is all runs."""

    __pydantic_config__ = _STRICT

    tags: Names = ()
    flows: Names = ()
    deployments: Names = ()
    work_pools: Names = ()
    work_queues: Names = ()

    @property
    def is_empty(self) -> bool:
        """True where every run of the server belongs to the tenant."""
        return not any(dataclasses.astuple(self))


@dataclass(frozen=True)
class Tenant:
    """One Prefect API and the part of it that somebody may see. At most one of `api_key` and `auth_string` is set.

    ui_url: where Prefect's own pages are, if the API's address does not tell.
    """

    __pydantic_config__ = _STRICT

    slug: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=64)]
    title: Name
    api_url: Annotated[str, AfterValidator(_address)]
    api_key: Credential = None
    auth_string: Credential = None
    scope: Scope = Scope()
    ui_url: Annotated[str, AfterValidator(_address)] | None = None

    @property
    def id(self) -> str:
        """16 hexadecimal digits for cache keys: apart by slug, URL, scope and credential, the same in every process."""
        kind, secret = next(
            ((kind, held.get_secret_value()) for kind in ("api_key", "auth_string") if (held := getattr(self, kind))),
            ("", ""),
        )
        scope = {key: sorted(values) for key, values in dataclasses.asdict(self.scope).items()}
        facts = [self.slug, self.api_url, scope, kind, _slow_hash(secret, self.api_url) if secret else ""]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the credential would lie readable in the bytes."""
        raise TypeError("A tenant holds a credential and cannot be pickled; pass its slug or its id.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Tenant:
        """Itself: it never changes. (Streamlit deep-copies the values of its widgets.)"""
        return self


@lru_cache(maxsize=256)
def _slow_hash(secret: str, salt: str) -> str:
    """Slow on purpose: an id that gets out must not let anybody try passwords quickly."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), 100_000).hex()


def load_tenants(
    directory: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    defaults: Callable[[], tuple[Tenant, ...]] = tuple,
) -> tuple[Tenant, ...]:
    """The configured tenants, at least one, in the order of their source.

    Sources, of which the first that names a tenant is the only one used, so that nobody who configures tenants finds
    his private Prefect profiles shown beside them:
    1. `[tenants.<slug>]` in `.streamlit/secrets.toml` under `directory` (the working directory unless given);
    2. the same tables in the file that `environ["FLOWDAG_TENANTS"]` names;
    3. `defaults()`: Prefect's own profiles, see `flowdag.prefect_api.profiles`.

    Raises TenantConfigError on a mistake in the source used, and when there is no tenant at all.
    """
    folder = directory or Path.cwd()
    secrets = folder / ".streamlit" / "secrets.toml"
    if secrets.exists() and (tenants := _read_tenants(secrets, ".streamlit/secrets.toml", environ)):
        return tenants
    if named := environ.get("FLOWDAG_TENANTS"):
        if tenants := _read_tenants(folder / Path(named).expanduser(), named, environ):
            return tenants
        raise TenantConfigError(f"{named}, the file that FLOWDAG_TENANTS names, has no tenant.", _EXAMPLE)
    if tenants := defaults():
        return tenants
    raise TenantConfigError(
        "No tenant is configured, so there is no Prefect server to ask.",
        "Do one of these: add a [tenants.<slug>] table with an api_url to .streamlit/secrets.toml; name a file with "
        "such tables in FLOWDAG_TENANTS; or set PREFECT_API_URL (or choose a Prefect profile that has it).",
    )


_EXAMPLE = 'Add for instance [tenants.acme] with api_url = "http://127.0.0.1:4200/api".'


def tenant_by_slug(tenants: Iterable[Tenant], slug: str) -> Tenant:
    """The tenant of this slug. Raises UnknownTenant, which names the known ones."""
    by_slug = {tenant.slug: tenant for tenant in tenants}
    if slug not in by_slug:
        raise UnknownTenant(f"There is no tenant {slug[:64]!r}.", f"Choose one of: {', '.join(by_slug)}.")
    return by_slug[slug]


def make_tenant(table: Mapping[str, object], slug: str, place: str, todo: str) -> Tenant:
    """A tenant from plain values, credentials taken literally. Raises TenantConfigError, which calls them `place`."""
    tenant, mistakes = _parse(slug, table, place, None)
    return tenant if tenant else _fail(mistakes, todo)


def _read_tenants(path: Path, shown: str, environ: Mapping[str, str]) -> tuple[Tenant, ...]:
    """The tenants of one TOML file; `shown` is what messages call it."""
    todo = f"Correct it in {shown}."
    tables = _read_toml(path, shown).get("tenants", {})
    if not isinstance(tables, dict):
        _fail(["[tenants]: must consist of tables such as [tenants.acme]"], todo)
    origin = _Origin(path.resolve().parent, environ)
    parsed = [_parse(slug, table, f"tenants.{_toml_key(slug)}", origin) for slug, table in tables.items()]
    if mistakes := [mistake for _, found in parsed for mistake in found]:
        _fail(mistakes, todo)
    return tuple(tenant for tenant, _ in parsed if tenant)


def _read_toml(path: Path, shown: str) -> dict[str, Any]:
    """The file's tables. The parser's own words are left out, and its error is not chained: both may quote a secret."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        problem = "does not exist"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at (line \d+), column \d+\)", str(error))
        problem = f"is not valid TOML, see {line[1] if line else 'its end'}"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    raise TenantConfigError(f"{shown} {problem}.", "The file must be TOML with a [tenants.<slug>] table a tenant.")


def _parse(slug: str, table: object, place: str, origin: _Origin | None) -> tuple[Tenant | None, list[str]]:
    """The tenant, or the mistakes of its table."""
    if not isinstance(table, Mapping):
        return None, [f"[{place}]: must be a table with an api_url"]
    mistakes = []
    if "slug" in table:
        mistakes.append(f"[{place}] slug: is no key of a tenant; the table's name is its slug")
    if table.get("api_key") is not None and table.get("auth_string") is not None:
        mistakes.append(f"[{place}] api_key and auth_string: give only one of the two")
    tenant = None
    try:
        tenant = _TENANT.validate_python({"title": slug, **table, "slug": slug}, context=origin)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        by_key: dict[tuple[int | str, ...], str] = {}  # a list with a wrong value is also reported as too short
        for detail in details:
            by_key.setdefault(detail["loc"][:2], _sentence(detail, place))
        mistakes += by_key.values()
    return (None, mistakes) if mistakes else (tenant, [])


_TENANT = TypeAdapter(Tenant)
_KEYS: dict[str, Sequence[str]] = {
    "tenant": [field.name for field in dataclasses.fields(Tenant) if field.name != "slug"],
    "scope": [field.name for field in dataclasses.fields(Scope)],
}
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "tuple_type": 'must be a list of names, for instance ["acme"]',
    "too_short": "names nothing; leave the key out where any value will do",
    "dataclass_type": 'must be a table, for instance { tags = ["acme"] }',
}


def _sentence(detail: ErrorDetails, place: str) -> str:
    """Pydantic's finding in words: `[table] key: what is wrong`."""
    path = [part for part in detail["loc"] if isinstance(part, str)]
    kind = detail["type"]
    if path == ["slug"]:
        return f"[{place}]: a tenant's name has at most 64 lower-case letters, digits, - and _"
    within = "scope" if path[0] == "scope" and len(path) > 1 else "tenant"
    table, key = (f"{place}.scope", path[1]) if within == "scope" else (place, path[0])
    if kind == "unexpected_keyword_argument":
        words = f"is no key of a {within}; there are {', '.join(_KEYS[within])}"
        if within == "tenant" and key in _KEYS["scope"]:
            words = f"belongs into [{place}.scope]"
    elif len(detail["loc"]) > len(path):  # a value within a list
        words = "every name in the list must be text in quotes, and not empty"
    else:
        words = _WORDS.get(kind, detail["msg"])
    return f"[{table}] {_toml_key(key)}: {words}"


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _fail(mistakes: Sequence[str], todo: str) -> NoReturn:
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    raise TenantConfigError(f"{mistakes[0]}{more}.", todo)
