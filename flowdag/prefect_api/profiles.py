"""Prefect's own profiles as tenants: somebody whose `prefect` command works needs no configuration for flowdag."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefect.context import root_settings_context
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, load_profiles
from pydantic import SecretStr

from flowdag.errors import TenantConfigError
from flowdag.tenants import Tenant, load_tenants, make_tenant

log = logging.getLogger(__name__)


def configured_tenants(directory: Path | None = None) -> tuple[Tenant, ...]:
    """All tenants: those of flowdag's configuration, or else those of Prefect's profiles. At least one.

    Raises TenantConfigError, also when nothing is configured.
    """
    return load_tenants(directory, defaults=profile_tenants)


def profile_tenants() -> tuple[Tenant, ...]:
    """What `prefect` itself would ask now comes first, then every profile of profiles.toml that has an API URL.

    The first is named after its profile, or `default` if its URL comes from elsewhere (PREFECT_API_URL, prefect.toml).
    No URL anywhere gives no tenant: never the empty server that Prefect's client would start by itself.

    Raises TenantConfigError if what comes first cannot be used; other profiles are then left out with a warning.
    """
    current, active, profiles = _read()
    tenants: dict[str, Tenant] = {}
    if current["api_url"]:
        own = profiles.get(active, {}).get("api_url") == current["api_url"]
        slug = _slug(active, tenants) if own else "default"
        tenants[slug] = _tenant(slug, active if own else slug, current)
        if own:
            del profiles[active]
    for name, table in profiles.items():
        if table["api_url"]:
            slug = _slug(name, tenants)
            try:
                tenants[slug] = _tenant(slug, name, table)
            except TenantConfigError as error:
                log.warning("%s The profile is left out.", error)
    return tuple(tenants.values())


def _read() -> tuple[dict[str, str | None], str, dict[str, dict[str, str | None]]]:
    """Prefect's settings in force, the active profile's name, and the settings of every profile, read afresh."""
    try:
        with root_settings_context(), root_settings_context() as context:  # the second knows where profiles.toml is now
            api = context.settings.api
            profiles = dict(_tables(load_profiles(include_defaults=False).items()))
            return _table(api.url, api.key, api.auth_string), context.profile.name, profiles
    except (ValueError, OSError):  # pydantic's errors and the TOML parser's are ValueErrors, and may quote a secret
        pass
    raise TenantConfigError(
        "Prefect's own settings cannot be read.",
        "See what `prefect config view` says, or configure tenants in .streamlit/secrets.toml.",
    )


def _tables(profiles: list[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, str | None]]]:
    for name, profile in profiles:
        settings: Mapping[Any, Any] = profile.settings
        yield name, _table(*(settings.get(key) for key in (PREFECT_API_URL, PREFECT_API_KEY, PREFECT_API_AUTH_STRING)))


def _table(url: object, key: object, auth_string: object) -> dict[str, str | None]:
    """A tenant's table. Of two credentials Prefect's client takes the auth string, and so do we."""
    return {
        "api_url": _plain(url),
        "api_key": None if _plain(auth_string) else _plain(key),
        "auth_string": _plain(auth_string),
    }


def _plain(value: object) -> str | None:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return str(text) if text else None


def _tenant(slug: str, name: str, table: Mapping[str, str | None]) -> Tenant:
    place = f"Prefect profile {name}"
    return make_tenant({"title": name, **table}, slug, place, "Correct it with `prefect config set`.")


def _slug(name: str, taken: Mapping[str, Tenant]) -> str:
    """A slug for a profile's name that no other profile has."""
    base = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:50] or "profile"
    slug, count = base, 1
    while slug in taken:
        count += 1
        slug = f"{base}-{count}"
    return slug
