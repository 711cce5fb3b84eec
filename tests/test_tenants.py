"""Who is configured, from which source; each mistake one sentence that names table and key; no secret anywhere."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flowdag.errors import TenantConfigError, UnknownTenant
from flowdag.prefect_api.profiles import configured_tenants, profile_tenants
from flowdag.tenants import Scope, Tenant, load_tenants, tenant_by_slug

SECRET = "pnu_Sentinel0Secret"
ACME = '[tenants.acme]\napi_url = "http://acme.test/api/"\n'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def load(text: str, environ: Mapping[str, str] | None = None) -> tuple[Tenant, ...]:
    """The tenants of a `.streamlit/secrets.toml` with this text in the working directory."""
    write(Path(".streamlit/secrets.toml"), text)
    return load_tenants(environ=environ or {})


def complaint(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(TenantConfigError) as caught:
        load(text, environ)
    return caught.value.what


# --- sources ---------------------------------------------------------------------------------------------------------


def test_a_complete_table() -> None:
    (tenant,) = load(
        """
        [database]
        password = "not ours"
        [tenants.acme-2_x]
        title = "Acme Ltd."
        api_url = "https://prefect.acme.test/api/"
        auth_string = "analyst:pass word"
        [tenants.acme-2_x.scope]
        tags = ["client:acme", "acme"]
        flows = ["nightly"]
        deployments = ["prod"]
        work_pools = ["k8s"]
        work_queues = ["default"]
        """
    )
    assert (tenant.slug, tenant.title, tenant.api_url) == ("acme-2_x", "Acme Ltd.", "https://prefect.acme.test/api")
    assert tenant.auth_string == SecretStr("analyst:pass word")
    assert tenant.api_key is None
    assert tenant.scope == Scope(("client:acme", "acme"), ("nightly",), ("prod",), ("k8s",), ("default",))
    assert not tenant.scope.is_empty


def test_the_least_table() -> None:
    (tenant,) = load(ACME)
    assert tenant == Tenant("acme", "acme", "http://acme.test/api", None, None, Scope())
    assert tenant.scope.is_empty


def test_order_of_the_sources(tmp_path: Path) -> None:
    default = (Tenant("mine", "mine", "http://mine.test/api"),)
    write(tmp_path / "elsewhere" / "team.toml", '[tenants.team]\napi_url = "http://team.test/api"')
    secrets = write(tmp_path / ".streamlit" / "secrets.toml", ACME + '[tenants.beta]\napi_url = "http://b.test"')
    environ = {"FLOWDAG_TENANTS": "elsewhere/team.toml"}

    def slugs(environ: Mapping[str, str]) -> list[str]:
        return [tenant.slug for tenant in load_tenants(tmp_path, environ, lambda: default)]

    assert slugs(environ) == ["acme", "beta"]
    secrets.write_text("[connections]\n")  # a secrets file without tenants is somebody else's
    assert slugs(environ) == ["team"]
    assert slugs({}) == ["mine"]
    secrets.unlink()
    assert slugs({"FLOWDAG_TENANTS": str(tmp_path / "elsewhere" / "team.toml")}) == ["team"]


def test_nothing_configured_says_the_three_ways() -> None:
    with pytest.raises(TenantConfigError) as caught:
        load_tenants(environ={})
    for way in (".streamlit/secrets.toml", "FLOWDAG_TENANTS", "PREFECT_API_URL"):
        assert way in caught.value.todo


def test_a_named_file_that_is_missing_or_empty() -> None:
    with pytest.raises(TenantConfigError, match=r"^team\.toml does not exist\."):
        load_tenants(environ={"FLOWDAG_TENANTS": "team.toml"})
    write(Path("team.toml"), "")
    with pytest.raises(TenantConfigError, match=r"^team\.toml, the file that FLOWDAG_TENANTS names, has no tenant\."):
        load_tenants(environ={"FLOWDAG_TENANTS": "team.toml"})


def test_tenant_by_slug() -> None:
    tenants = load(ACME + '[tenants.beta]\napi_url = "http://b.test"')
    assert tenant_by_slug(tenants, "beta").api_url == "http://b.test"
    with pytest.raises(UnknownTenant, match=r"There is no tenant 'gamma'\. Choose one of: acme, beta\."):
        tenant_by_slug(tenants, "gamma")


# --- credentials -----------------------------------------------------------------------------------------------------


def key_of(setting: str, environ: Mapping[str, str] | None = None) -> str:
    (tenant,) = load(f"{ACME}api_key = {json.dumps(setting)}", environ)
    assert tenant.api_key
    return tenant.api_key.get_secret_value()


def test_a_credential_is_a_literal_a_variable_or_a_file() -> None:
    assert key_of(SECRET) == SECRET
    assert key_of("env:ACME_KEY", {"ACME_KEY": SECRET}) == SECRET
    write(Path(".streamlit/keys/acme"), f"{SECRET}\n")  # relative to the configuration, not to the working directory
    assert key_of("file:keys/acme") == SECRET
    assert key_of(f"file:{Path('.streamlit/keys/acme').resolve()}") == SECRET


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("env:ACME_KEY", "the environment variable ACME_KEY is not set"),
        ("file:keys/none", "the file keys/none cannot be read"),
        ("file:empty", "the file empty is empty"),
        ("file:binary", "the file binary cannot be read"),
        ("", "must not be empty"),
        (f"{SECRET}\nX-Evil: 1", "must be one word of plain letters, digits and signs"),
        (f"{SECRET}ключ", "must be one word of plain letters, digits and signs"),
    ],
)
def test_a_wrong_credential(setting: str, words: str) -> None:
    write(Path(".streamlit/empty"), "\n")
    Path(".streamlit/binary").write_bytes(b"\xff" + SECRET.encode())
    assert complaint(f"{ACME}api_key = {json.dumps(setting)}") == f"[tenants.acme] api_key: {words}."


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('tags = ["x"]', "[tenants.acme] tags: belongs into [tenants.acme.scope]."),
        ('scope.tags = "x"', '[tenants.acme.scope] tags: must be a list of names, for instance ["acme"].'),
        ("scope.flows = []", "[tenants.acme.scope] flows: names nothing; leave the key out where any value will do."),
        (
            'scope.flows = ["a", ""]',
            "[tenants.acme.scope] flows: every name in the list must be text in quotes, and not empty.",
        ),
        (
            "scope.flows = [1]",
            "[tenants.acme.scope] flows: every name in the list must be text in quotes, and not empty.",
        ),
        (
            'scope.tag = ["x"]',
            "[tenants.acme.scope] tag: is no key of a scope; "
            "there are tags, flows, deployments, work_pools, work_queues.",
        ),
        ('scope = ["x"]', '[tenants.acme] scope: must be a table, for instance { tags = ["acme"] }.'),
        (
            'apikey = "x"',
            "[tenants.acme] apikey: is no key of a tenant; there are title, api_url, api_key, auth_string, scope, "
            "ui_url.",
        ),
        ('slug = "x"', "[tenants.acme] slug: is no key of a tenant; the table's name is its slug."),
        ("title = 7", "[tenants.acme] title: must be text in quotes."),
        ('title = ""', "[tenants.acme] title: must not be empty."),
        ("api_key = 7", '[tenants.acme] api_key: must be text: the credential itself, "env:NAME" or "file:PATH".'),
        (
            'api_key = "a"\nauth_string = "b"',
            "[tenants.acme] api_key and auth_string: give only one of the two.",
        ),
        ("title = 7\nfoo = 1\nscope.tags = 3", "[tenants.acme] title: must be text in quotes (and 2 more)."),
    ],
)
def test_a_mistake_is_one_sentence(lines: str, sentence: str) -> None:
    assert complaint(ACME + lines) == sentence


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://acme.test/api", "must start with http:// or https://"),
        ("acme.test/api", "must start with http:// or https://"),
        (f"http://analyst:{SECRET}@acme.test/api", "must not hold a user name or a password"),
        (f"http://{SECRET}@acme.test:x/api", "must not hold a user name or a password"),
        (f"http://[{SECRET}@acme.test/api", "must not hold a user name or a password"),
        ("http://acme.test:99999/api", "is not a valid address"),
        ("http:///api", "is not a valid address"),
        ("http://acme.test /api", "must not contain spaces"),
        (f"http://acme.test/api?token={SECRET}", "must not contain ? or #"),
    ],
)
def test_a_wrong_address(url: str, words: str) -> None:
    said = complaint(f"[tenants.acme]\napi_url = {json.dumps(url)}")
    assert said.startswith(f"[tenants.acme] api_url: {words}")
    assert SECRET not in said


def test_mistakes_of_structure() -> None:
    assert complaint("tenants = 3") == "[tenants]: must consist of tables such as [tenants.acme]."
    assert complaint('[tenants]\napi_url = "x"') == "[tenants.api_url]: must be a table with an api_url."
    assert complaint("[[tenants.acme]]") == "[tenants.acme]: must be a table with an api_url."
    assert complaint("[tenants.acme]") == "[tenants.acme] api_url: is missing."
    assert complaint('[tenants."Acme Ltd"]\napi_url = "http://a.test"') == (
        '[tenants."Acme Ltd"]: a tenant\'s name has at most 64 lower-case letters, digits, - and _.'
    )


def test_broken_toml_names_file_and_line_only() -> None:
    said = complaint(f'{ACME}api_key = "{SECRET}" {SECRET}')
    assert said == ".streamlit/secrets.toml is not valid TOML, see line 3."
    said = complaint(f'{ACME}api_key = "{SECRET}')
    assert said == ".streamlit/secrets.toml is not valid TOML, see its end."
    Path(".streamlit/secrets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TenantConfigError, match="is not UTF-8 text"):
        load_tenants(environ={})


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
toml_values = st.recursive(
    st.one_of(st.booleans(), st.integers(), texts, st.just("http://a.test/api")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
tenant_keys = st.sampled_from([*(field.name for field in dataclasses.fields(Tenant)), "id", "tags", "x y"])


@given(tables=st.dictionaries(st.sampled_from(["acme", "B b"]), st.dictionaries(tenant_keys, toml_values), min_size=1))
def test_any_table_gives_tenants_or_one_sentence(
    tables: dict[str, dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "any.toml", _toml({"tenants": tables}))
    try:
        tenants: tuple[Tenant, ...] = load_tenants(environ={"FLOWDAG_TENANTS": str(path)})
        complaint = None
    except TenantConfigError as error:
        complaint = error
    if complaint is None:
        assert [tenant.slug for tenant in tenants] == list(tables)
    else:
        assert complaint.what.startswith("[tenants.")
        assert "\n" not in str(complaint)
        assert complaint.__context__ is None


def _toml(value: object) -> str:
    """TOML's inline notation."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{{pairs}}}" if "tenants" not in value else f"tenants = {_toml(value['tenants'])}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower()


# --- identity --------------------------------------------------------------------------------------------------------


def test_ids_are_apart_by_tenant_url_scope_and_credential_and_stable_otherwise() -> None:
    one = Tenant("acme", "Acme", "http://a.test/api", SecretStr(SECRET), None, Scope(tags=("x", "y")))
    others = [
        dataclasses.replace(one, slug="acme2"),
        dataclasses.replace(one, api_url="http://b.test/api"),
        dataclasses.replace(one, scope=Scope(tags=("x",))),
        dataclasses.replace(one, scope=Scope(flows=("x", "y"))),
        dataclasses.replace(one, scope=Scope()),
        dataclasses.replace(one, api_key=SecretStr(SECRET + "1")),
        dataclasses.replace(one, api_key=None),
        dataclasses.replace(one, api_key=None, auth_string=SecretStr(SECRET)),
    ]
    assert len({one.id, *(other.id for other in others)}) == 1 + len(others)
    assert dataclasses.replace(one, title="Other words").id == one.id
    assert dataclasses.replace(one, scope=Scope(tags=("y", "x"))).id == one.id  # the same runs


def test_an_id_is_the_same_in_another_process_and_reveals_nothing() -> None:
    tenant = Tenant("acme", "Acme", "http://a.test/api", SecretStr(SECRET))
    code = (
        "import sys; from pydantic import SecretStr; from flowdag.tenants import Tenant;"
        f"print(Tenant('acme', 'Acme', 'http://a.test/api', SecretStr({SECRET!r})).id)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONHASHSEED": "7"}
    printed = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == tenant.id
    assert len(tenant.id) == 16
    assert SECRET not in tenant.id


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["api_key", "auth_string"])
def test_no_text_about_a_tenant_holds_its_secret(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    (tenant,) = load(f'{ACME}{kind} = "{SECRET}"')
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").info("%s %r", tenant, dataclasses.asdict(tenant))
    texts = [repr(tenant), str(tenant), f"{tenant}", f"{tenant!r:>9}", str(vars(tenant)), repr([tenant]), caplog.text]
    assert [text for text in texts if SECRET in text] == []
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(tenant)
    assert copy.deepcopy(tenant) is tenant


@pytest.mark.parametrize(
    "lines",
    [
        f'api_key = "{SECRET} "',
        f'api_key = "{SECRET}"\nauth_string = "{SECRET}"',
        f'api_key = ["{SECRET}"]',
        f'auth_string = {{ value = "{SECRET}" }}',
        f'api_key = "{SECRET}"\ntitle = 3',
        f'api_key = "{SECRET}',
        f'api_key = "{SECRET}"\napi_key = "{SECRET}"',
        f'title = "x"\nscope = "{SECRET}"',
        f'scope.tags = "{SECRET}"',
    ],
)
def test_no_error_about_a_tenant_holds_its_secret(lines: str) -> None:
    with pytest.raises(TenantConfigError) as caught:
        load(ACME + lines)
    error = caught.value
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in repr(error) + str(error) + error.what + error.todo
    assert error.__cause__ is None  # nor in an error that a log of chained errors would print
    assert error.__context__ is None


# --- Prefect's profiles ----------------------------------------------------------------------------------------------

PROFILES = f"""
active = "Work Place"
[profiles.empty]
[profiles.cloud]
PREFECT_API_URL = "https://api.prefect.cloud/api/accounts/1/workspaces/2"
PREFECT_API_KEY = "{SECRET}"
[profiles."Work Place"]
PREFECT_API_URL = "http://work.test/api/"
PREFECT_API_AUTH_STRING = "admin:{SECRET}"
PREFECT_API_KEY = "unused"
"""


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `profiles.toml` of Prefect's with a cloud, a work place (active) and a profile without an address."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return write(tmp_path / "prefect" / "profiles.toml", PROFILES)


@pytest.mark.usefixtures("profiles")
def test_the_active_profile_comes_first() -> None:
    work, cloud = configured_tenants()
    assert (work.slug, work.title, work.api_url) == ("work-place", "Work Place", "http://work.test/api")
    assert work.auth_string == SecretStr(f"admin:{SECRET}")
    assert work.api_key is None  # as in Prefect's own client
    assert (cloud.slug, cloud.api_key) == ("cloud", SecretStr(SECRET))
    assert cloud.scope.is_empty


@pytest.mark.usefixtures("profiles")
def test_an_address_in_the_environment_comes_before_the_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://now.test/api")
    assert [(tenant.slug, tenant.api_url) for tenant in configured_tenants()] == [
        ("default", "http://now.test/api"),
        ("cloud", "https://api.prefect.cloud/api/accounts/1/workspaces/2"),
        ("work-place", "http://work.test/api"),
    ]


def test_configured_tenants_hide_the_profiles(profiles: Path) -> None:
    assert profiles.exists()
    write(Path(".streamlit/secrets.toml"), ACME)
    assert [tenant.slug for tenant in configured_tenants()] == ["acme"]


def test_without_an_address_there_is_no_tenant_and_no_server_of_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "fresh"))
    assert profile_tenants() == ()
    with pytest.raises(TenantConfigError, match="No tenant is configured"):
        configured_tenants()


def test_profiles_whose_names_make_the_same_slug_stay_apart(profiles: Path) -> None:
    profiles.write_text(
        '[profiles."a b"]\nPREFECT_API_URL = "http://1.test"\n[profiles."A-B"]\nPREFECT_API_URL = "http://2.test"'
    )
    assert [(tenant.slug, tenant.title) for tenant in profile_tenants()] == [("a-b", "a b"), ("a-b-2", "A-B")]


def test_a_profile_that_cannot_be_used(profiles: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = f'[profiles.bad]\nPREFECT_API_URL = "http://me:{SECRET}@bad.test/api"\n'
    profiles.write_text(f'{bad}[profiles.good]\nPREFECT_API_URL = "http://good.test/api"')
    assert [tenant.slug for tenant in profile_tenants()] == ["good"]
    assert "[Prefect profile bad] api_url: must not hold a user name or a password" in caplog.text
    assert SECRET not in caplog.text
    profiles.write_text(f'active = "bad"\n{bad}')
    with pytest.raises(TenantConfigError, match=r"\[Prefect profile bad\] api_url") as caught:
        profile_tenants()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.filterwarnings("ignore:Failed to load profiles")  # Prefect's own; it names the file only
def test_unreadable_profiles(profiles: Path) -> None:
    profiles.write_text(f'active = "{SECRET}')
    with pytest.raises(TenantConfigError, match="Prefect's own settings cannot be read") as caught:
        profile_tenants()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("javascript:alert(1)", "must start with http:// or https://"),
        ("https://u:p@ui.test", "must not hold a user name or a password; give them as auth_string instead"),
    ],
)
def test_the_address_of_prefects_pages_is_checked(address: str, words: str) -> None:
    assert complaint(f'{ACME}ui_url = "{address}"') == f"[tenants.acme] ui_url: {words}."
    (tenant,) = load(f'{ACME}ui_url = "https://ui.test/"')
    assert tenant.ui_url == "https://ui.test"
