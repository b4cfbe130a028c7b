"""Sign-in with a provider, tested against a local one that can be made to misbehave."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from redact.cli import doctor
from redact.errors import NotAllowed, ProviderMisconfigured, ProviderUnusable
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.database import Database
from redact.schema.tables import Event, Person, SignIn, SignInAttempt
from redact.server.app import create_app
from redact.server.oidc import Provider
from redact.server.oidc_file import is_safe_url, load_provider
from redact.server.settings import Group, ProviderSettings, ServerSettings
from tests.cli.runner import redact
from tests.server.browser import HERE, PASSWORD, Browser
from tests.server.provider import CLIENT, SECRET, LocalProvider, compact, local_provider, rsa

FOOTAGE = "/api/footage/1"
NAME = 'Blue "Light" <ID>'
RETURN = "/sign-in/provider/return"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalProvider]:
    with local_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: LocalProvider) -> LocalProvider:
    """A provider that behaves correctly."""
    clean = LocalProvider()
    for name in ("subject", "extra", "change", "sign", "refuse", "says_issuer", "asked"):
        setattr(running, name, getattr(clean, name))
    return running


def settings_for(provider: LocalProvider) -> ProviderSettings:
    return ProviderSettings(NAME, provider.issuer, CLIENT, HERE, SECRET)


@pytest.fixture
def new(db: Database, provider: LocalProvider) -> Callable[..., Browser]:
    """A function that returns a new browser; rita is linked."""
    accounts.link(db, "admin", "rita", provider.issuer, provider.subject, keep_password=True)
    app = create_app(db, Store(), ServerSettings(provider=settings_for(provider)))
    return lambda: Browser(app)


def there_and_back(browser: Browser, next_path: str = "/") -> str:
    """Go to the provider; returns the URL it sends the browser back to."""
    begun = browser.client.get("/sign-in/provider", params={"next": next_path})
    assert begun.status_code == 303, begun.text
    answer = httpx2.get(begun.headers["location"])
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix(HERE)


def in_events(db: Database, kind: str) -> list[tuple[str, str, dict[str, object]]]:
    with db.reading() as session:
        found = session.query(Event).filter_by(kind=kind).order_by(Event.seq)
        return [(event.actor, event.subject, json.loads(event.body)) for event in found]


def test_provider_signs_in_linked_person(new: Callable[..., Browser], db: Database, provider: LocalProvider) -> None:
    rita = new()
    page = rita.get("/sign-in?next=/review/7").text
    assert 'href="/sign-in/provider?next=/review/7"' in page
    assert "Sign in with Blue &quot;Light&quot; &lt;ID&gt;" in page
    begun = rita.client.get("/sign-in/provider", params={"next": "/review/7"})
    cookie = begun.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "max-age=600" in cookie
    back = httpx2.get(begun.headers["location"]).headers["location"]
    assert back.startswith(f"{HERE}{RETURN}?") and provider.asked[-1]["redirect_uri"] == f"{HERE}{RETURN}"
    done = rita.get(back)
    assert done.status_code == 303 and done.headers["location"] == "/review/7"
    assert rita.get(FOOTAGE).json()["user"] == "rita"
    assert list(rita.client.cookies) == ["redact"]  # the flow cookie is gone
    assert in_events(db, "person.signed-in")[-1] == ("rita", "person:rita", {"issuer": provider.issuer})
    # It ends like any other session, with a note that the provider's session continues.
    rita.csrf = rita.get(FOOTAGE).json()["csrf"]
    out = rita.form("/sign-out", {"csrf": rita.csrf})
    assert "may still be signed in to" in rita.get(out.headers["location"]).text
    assert rita.get(FOOTAGE).status_code == 401
    # The audit trail contains no secrets.
    with db.reading() as session:
        bodies = "".join(event.body for event in session.query(Event))
    assert SECRET not in bodies and "code" not in bodies


def test_provider_sessions_time_out(new: Callable[..., Browser], db: Database) -> None:
    rita = new()
    rita.get(there_and_back(rita))
    with db.bookkeeping() as session:
        session.query(SignIn).one().seen_at -= timedelta(minutes=31)
    assert rita.get(FOOTAGE).status_code == 401


def test_provider_sign_in_ends_earlier_session(new: Callable[..., Browser], db: Database) -> None:
    rita = new()
    back = there_and_back(rita)
    rita.sign_in("ben")
    old = dict(rita.client.cookies)["redact"]
    rita.get(back)
    assert rita.get(FOOTAGE).json()["user"] == "rita"
    other = new()
    other.client.cookies.set("redact", old)
    assert other.get(FOOTAGE).status_code == 401


def wrong(provider: LocalProvider) -> dict[str, dict[str, object]]:
    """Invalid tokens that a provider, or an impostor, might send."""
    now = int(time.time())
    public, another, hs256 = provider.key.as_pem(private=False), rsa(), {"alg": "HS256", "kid": "one"}
    return {
        "another flow's nonce": {"change": lambda c: c.update(nonce="x" * 43)},
        "no nonce": {"change": lambda c: c.pop("nonce")},
        "for another client": {"change": lambda c: c.update(aud="another")},
        "for two audiences, without azp": {"change": lambda c: c.update(aud=[CLIENT, "another"])},
        "given to another client": {"change": lambda c: c.update(aud=[CLIENT, "another"], azp="another")},
        "another issuer": {"change": lambda c: c.update(iss="https://evil.example")},
        "nearly the issuer": {"change": lambda c: c.update(iss=f"{c['iss']}/")},
        "expired": {"change": lambda c: c.update(exp=now - 65)},
        "never expires": {"change": lambda c: c.update(exp=float("nan"))},
        "no expiry": {"change": lambda c: c.pop("exp")},
        "from the future": {"change": lambda c: c.update(iat=now + 300)},
        "no subject": {"change": lambda c: c.pop("sub")},
        "a subject of two lines": {"change": lambda c: c.update(sub="4f1c-99a2\n")},
        "a subject that is a list": {"change": lambda c: c.update(sub=["4f1c-99a2"])},
        "not signed": {"sign": lambda c: compact({"alg": "none"}, c)},
        "not signed, different spelling": {"sign": lambda c: compact({"alg": "None", "kid": "one"}, c)},
        "signed with the public key as a password": {"sign": lambda c: compact(hs256, c, public)},
        "signed with the client's secret": {"sign": lambda c: compact(hs256, c, SECRET.encode())},
        "signed with another key of the same id": {"sign": lambda c: provider.signed(c, another)},
        "signature of something else": {"sign": lambda c: f"{compact({'alg': 'RS256', 'kid': 'one'}, c)}AAAA"},
        "no token": {"sign": lambda c: "not.a.token"},
    }


def test_invalid_token_signs_no_one_in(
    new: Callable[..., Browser], db: Database, provider: LocalProvider, caplog: pytest.LogCaptureFixture
) -> None:
    cases = wrong(provider)
    for what, how in cases.items():
        provider.change, provider.sign = how.get("change"), how.get("sign")  # type: ignore[assignment]
        rita = new()
        answer = rita.get(there_and_back(rita))
        assert answer.status_code == 401 and "did not confirm your identity" in answer.text, what
        assert rita.get(FOOTAGE).status_code == 401, what
    assert not in_events(db, "person.signed-in")
    with db.reading() as session:
        assert session.query(SignInAttempt).count() == len(cases)
    assert len(caplog.records) >= len(cases) and SECRET not in caplog.text and "eyJ" not in caplog.text
    # Clocks may differ by up to a minute.
    provider.sign, provider.change = None, lambda c: c.update(exp=int(time.time()) - 30, iat=int(time.time()) + 30)
    rita = new()
    assert rita.get(there_and_back(rita)).status_code == 303


def test_flow_is_bound_to_its_browser(new: Callable[..., Browser], db: Database) -> None:
    rita, mallory = new(), new()
    back = there_and_back(rita)
    mine = there_and_back(mallory)
    for untrusted in (
        back,  # rita's code, in a browser that started its own flow
        mine.replace("state=", "state=x"),
        mine.replace("state=", "was="),
        mine.replace("iss=", "iss=x"),
        f"{RETURN}?code=x&state=%FF%ED%B3%BF",
        RETURN,
    ):
        answer = mallory.client.get(untrusted)
        assert answer.status_code == 401 and "was not started in this browser" in answer.text, untrusted
    stranger = new()
    assert stranger.get(back).status_code == 401
    for forged in ("x.y", "e30.e30", "[" * 3000, f"{'W1tb' * 900}.x"):
        stranger.client.cookies.set("redact-provider", forged)
        assert stranger.get(back).status_code == 401
    # Requests that any site can provoke neither count for throttling nor become events.
    with db.reading() as session:
        assert session.query(SignInAttempt).count() == 0
    assert rita.get(back).status_code == 303


def test_flow_works_once_and_expires(
    new: Callable[..., Browser], provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita = new()
    back = there_and_back(rita)
    cookie = rita.client.cookies["redact-provider"]
    assert rita.get(back).status_code == 303
    assert rita.get(back).headers["location"] == "/"  # going back in history does no harm
    again = new()
    again.client.cookies.set("redact-provider", cookie)
    assert "was not started in this browser" in again.get(back).text
    # The provider rejects a code that has been used.
    other = new()
    spent = back.partition("code=")[2].partition("&")[0]
    fresh = there_and_back(other)
    code = fresh.partition("code=")[2].partition("&")[0]
    assert "did not confirm" in other.get(fresh.replace(code, spent)).text
    late = new()
    back = there_and_back(late)
    now = time.time
    monkeypatch.setattr("redact.server.oidc.time.time", lambda: now() + 601)
    assert "has expired" in late.get(back).text


def test_provider_sign_in_needs_link_group_and_active_account(
    new: Callable[..., Browser], db: Database, provider: LocalProvider
) -> None:
    rita = new()
    provider.subject = '<img src=x onerror="alert(1)">'
    answer = rita.get(there_and_back(rita))
    assert answer.status_code == 401 and "not linked to an account here" in answer.text
    assert "&lt;img" in answer.text and "<img" not in answer.text
    provider.subject = "4F1C-99A2"  # subjects are case-sensitive
    assert "not linked to an account here" in rita.get(there_and_back(rita)).text
    provider.subject = "4f1c-99a2"
    group = replace(settings_for(provider), group=Group("groups", "redaction", "groups"))
    grouped = create_app(db, Store(), ServerSettings(provider=group))
    for groups, status in ((None, 401), ("redaction-readers", 401), (["other"], 401), (["other", "redaction"], 303)):
        provider.extra = {"groups": groups}
        browser = Browser(grouped)
        assert browser.get(there_and_back(browser)).status_code == status, groups
    assert provider.asked[-1]["scope"] == "openid groups"
    signed_in = new()
    assert signed_in.get(there_and_back(signed_in)).status_code == 303
    back = there_and_back(rita)
    accounts.disable(db, "admin", "rita", "left")
    assert signed_in.get(FOOTAGE).status_code == 401
    with db.reading() as session:
        assert session.query(SignIn).filter(SignIn.ended_at.is_(None)).count() == 0
    answer = rita.get(back)
    assert answer.status_code == 401 and "disabled" in answer.text


def test_provider_refusal_shows_only_our_text(new: Callable[..., Browser], provider: LocalProvider) -> None:
    provider.refuse = "access_denied"
    rita = new()
    back = there_and_back(rita)
    answer = rita.get(f"{back}&error_description=Call+0800+555+now")
    assert answer.status_code == 401 and "did not sign you in" in answer.text and "0800" not in answer.text


def test_provider_sign_in_redirects_only_to_local_paths(new: Callable[..., Browser]) -> None:
    long = f"/{'x' * 2000}"
    for untrusted in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/sign-in/provider",
        long,
    ):
        rita = new()
        back = there_and_back(rita, untrusted)
        assert rita.get(f"{back}&next=//evil.example").headers["location"] == "/", untrusted


def test_provider_sign_in_cannot_start_from_other_sites(
    new: Callable[..., Browser], db: Database, provider: LocalProvider
) -> None:
    for site in ("cross-site", "same-site"):
        answer = new().get("/sign-in/provider", **{"sec-fetch-site": site})
        assert answer.status_code == 200 and "start here" in answer.text and "set-cookie" not in answer.headers
    assert new().client.post("/sign-in/provider", headers={"origin": HERE}).status_code == 401
    app = create_app(db, Store(), ServerSettings(provider=settings_for(provider)))
    elsewhere = Browser(app, "http://127.0.0.1").get("/sign-in/provider")
    assert f"only sign in with Blue &quot;Light&quot; &lt;ID&gt; at {HERE}" in elsewhere.text
    # The host name from the file is accepted without --name.
    named = replace(settings_for(provider), address="https://bench.example")
    app = create_app(db, Store(), ServerSettings(provider=named))
    assert Browser(app, "https://bench.example").get("/sign-in/provider").status_code == 303


def test_provider_routes_are_missing_without_provider(db: Database) -> None:
    browser = Browser(create_app(db, Store(), ServerSettings()))
    assert "provider" not in browser.get("/sign-in?left=provider").text
    for path in ("/sign-in/provider", RETURN):
        assert browser.get(path).status_code == 404
    icon = browser.get("/favicon.ico")
    assert icon.status_code == 200 and icon.headers["content-type"] == "image/svg+xml"


def test_passwords_work_while_provider_is_unusable(db: Database, provider: LocalProvider) -> None:
    for wrong_one in (
        replace(settings_for(provider), issuer="http://127.0.0.1:9"),  # no server there
        replace(settings_for(provider), issuer=f"{provider.issuer}/nothing"),
    ):
        browser = Browser(create_app(db, Store(), ServerSettings(provider=wrong_one)))
        answer = browser.get("/sign-in/provider")
        assert answer.status_code == 503 and "Sign in with your password" in answer.text
        assert browser.sign_in("rita").status_code == 303
    provider.says_issuer = "https://evil.example"
    with pytest.raises(ProviderUnusable):
        Provider(settings_for(provider)).check()


def test_hanging_provider_uses_few_threads(new: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, busy = threading.Event(), threading.Semaphore(0)

    def hang(_self: Provider) -> None:
        busy.release()
        going_on.wait(20)
        raise ValueError("it hung")

    monkeypatch.setattr(Provider, "_discover", hang)
    browsers = [new() for _ in range(8)]
    one = browsers[0].client.app
    threads = [threading.Thread(target=Browser(one).get, args=("/sign-in/provider",)) for _ in browsers]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert busy.acquire(timeout=20)
    answer = browsers[0].get("/sign-in/provider")
    assert answer.status_code == 503 and "Too many people" in answer.text
    assert browsers[0].sign_in("rita").status_code == 303
    going_on.set()
    for thread in threads:
        thread.join()


def test_provider_keys_are_fetched_again_after_change(
    new: Callable[..., Browser], provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita = new()
    assert rita.get(there_and_back(rita)).status_code == 303
    rita.client.cookies.clear()
    monkeypatch.setattr(provider, "key", rsa())
    assert rita.get(there_and_back(rita)).status_code == 303


def test_unlinking_ends_sessions(new: Callable[..., Browser], db: Database) -> None:
    rita, other = new(), new()
    rita.get(there_and_back(rita))
    accounts.unlink(db, "admin", "rita")
    assert rita.get(FOOTAGE).status_code == 401
    rita.sign_in("rita")
    other.sign_in("ben")
    accounts.end_sessions(db, "admin", "rita")
    with pytest.raises(NotAllowed):
        accounts.end_sessions(db, "rita", "ben")
    assert (rita.get(FOOTAGE).status_code, other.get(FOOTAGE).status_code) == (401, 200)


def test_commands_manage_links_and_sessions(
    db: Database, home: Path, monkeypatch: pytest.MonkeyPatch, provider: LocalProvider
) -> None:
    monkeypatch.setenv("REDACT_PASSWORD", PASSWORD)
    monkeypatch.setenv("REDACT_USER", "admin")
    assert redact("user", "link", "rita", "--subject", "4f1c-99a2").code == 2  # no provider configured
    file = 'version = 1\nname = "Force ID"\nissuer = "{}"\nclient_id = "redact"\naddress = "http://localhost:8642/"\n'
    (home / "oidc.toml").write_text(file.format(provider.issuer))
    assert redact("user", "link", "rita", "--subject", "4f1c-99a2").code == 0
    Browser(create_app(db, Store(), ServerSettings())).sign_in("rita")
    listed = redact("user", "sessions", "--json").document["sessions"]
    assert [(row["login"], row["issuer"]) for row in listed] == [("rita", None)]
    assert redact("user", "sign-out", "rita").code == 0
    assert redact("user", "sessions", "--json").document["sessions"] == []
    assert redact("user", "unlink", "rita").code == 0
    with db.reading() as session:
        assert session.query(Person).filter(Person.issuer.is_not(None)).count() == 0
    asked = redact("doctor", "--ask-provider", "--json").document["checks"]
    assert [check["state"] for check in asked if check["what"].startswith("sign-in")] == ["ok", "ok"]
    (home / "oidc.toml").write_text(file.format("http://id.example"))
    assert [check.state for check in doctor.sign_in()] == ["bad"]
    assert "R716" in redact("serve", "--port", "0", "--no-worker").err


GOOD = 'version = 1\nname = "Force ID"\nissuer = "https://id.example"\nclient_id = "redact"\naddress = "https://b.example"\n'


def test_provider_file_is_read_strictly(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, secret = home / "oidc.toml", home / "secret"
    assert load_provider() is None
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    path.write_text(f'{GOOD}secret_file = "secret"\n[group]\nclaim = "groups"\nvalue = "redaction"\n')
    found = load_provider()
    assert found is not None and found.secret == SECRET and found.group == Group("groups", "redaction", "")
    assert SECRET not in repr(found) and SECRET not in repr(ServerSettings(provider=found))
    for wrong_one in (
        GOOD.replace("https://id", "http://id"),
        GOOD.replace("https://id.example", "https://me@id.example"),
        GOOD.replace("https://b.example", "https://b.example/path"),
        GOOD.replace("https://b.example", "http://b.example"),
        GOOD.replace("client_id", "client"),
        f'{GOOD}client_secret = "{SECRET}"\n',  # the file may be read by others
        f'{GOOD}secret_file = "none"\n',
        "[",
    ):
        path.write_text(wrong_one)
        with pytest.raises(ProviderMisconfigured) as caught:
            load_provider()
        assert SECRET not in caught.value.text
    path.write_text(f'{GOOD}secret_file = "secret"\n')
    secret.chmod(0o640)
    with pytest.raises(ProviderMisconfigured, match="chmod"):
        load_provider()
    secret.chmod(0o600)
    path.chmod(0o664)
    with pytest.raises(ProviderMisconfigured, match="chmod"):
        load_provider()


def test_safe_urls_use_tls_or_loopback() -> None:
    for good in ("https://id.example/a?b=c", "http://127.0.0.1:9/", "http://[::1]:9"):
        assert is_safe_url(good)
    for bad in ("http://id.example", "https://", "ftp://x", "https://a:b/", "https://x/#y", "https://x/ y", "//x", ""):
        assert not is_safe_url(bad), bad


def test_failed_sign_ins_are_recorded_without_flooding_trail(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = Browser(create_app(db, Store(), ServerSettings()))
    typed = "my secret password"  # into the wrong field
    for name in ("rita", "rita", "ben", typed, "another"):
        browser.sign_in(name, "wrong")
    assert not in_events(db, "person.sign-in-failed") and not in_events(db, "sign-in.failed")
    # When the person does sign in, the failures are recorded at once.
    assert browser.sign_in("rita").status_code == 303
    (event,) = in_events(db, "person.sign-in-failed")
    assert event[:2] == ("system", "person:rita")
    assert event[2]["count"] == 2 and event[2]["sources"] == ["testclient"]

    def later(by: timedelta) -> None:
        with db.bookkeeping() as session:
            for attempt in session.query(SignInAttempt):
                attempt.at -= by

    later(timedelta(minutes=59))
    browser.sign_in("rita", "wrong")
    assert len(in_events(db, "person.sign-in-failed")) == 1
    later(timedelta(minutes=2))
    browser.sign_in("rita", "wrong")
    assert in_events(db, "person.sign-in-failed")[1][1:] == ("person:ben", {**event[2], "count": 1} | _times(db, 1))
    (unknown,) = in_events(db, "sign-in.failed")
    assert unknown[1] == "sign-in" and unknown[2]["count"] == 2
    for _ in range(3):
        browser.sign_in("rita", "wrong")
    assert len(in_events(db, "person.sign-in-failed")) == 2 and len(in_events(db, "sign-in.failed")) == 1
    with db.reading() as session:
        bodies = "".join(event.body for event in session.query(Event))
        assert session.query(SignInAttempt).count() == 5  # by rita, not yet recorded
    assert typed not in bodies and typed not in caplog.text


def _times(db: Database, which: int) -> dict[str, object]:
    body = in_events(db, "person.sign-in-failed")[which][2]
    assert body["from"] == body["until"]
    return {"from": body["from"], "until": body["until"]}
