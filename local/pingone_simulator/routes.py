"""PingOne's endpoints, as a Flask application."""

import json
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import HTTPException

from local.faults import DropConnection, LoseAnswer
from local.pingone_simulator.api_errors import oauth_error, platform_error
from local.pingone_simulator.clock import Clock
from local.pingone_simulator.environments import Environments
from local.pingone_simulator.exploration_body import body_of, settings_of
from local.pingone_simulator.explorations import Exploration
from local.pingone_simulator.faults import (
    Answer,
    Body,
    ChangeBody,
    EchoCredentials,
    Effect,
    Hang,
    LinkLifetime,
    MalformedJson,
    Operation,
)
from local.pingone_simulator.keyed_app import ASSERTION_TYPE
from local.pingone_simulator.report_files import random_password
from local.pingone_simulator.request_log import RecordedRequest
from local.pingone_simulator.worker_apps import TOKEN_SECONDS
from local.pingone_simulator.zip_damage import HTML_PAGE

if TYPE_CHECKING:
    from local.pingone_simulator.server import PingOneSimulator

_HAL = "application/hal+json;charset=UTF-8"


def create_app(pingone: "PingOneSimulator") -> Flask:
    """The endpoints of a simulator, which act on its parts."""
    app = Flask("pingone_simulator")
    # The reference shows the path of an exploration with a trailing slash and without.
    app.url_map.strict_slashes = False

    @app.before_request
    def begin_request() -> None:
        g.effects = []
        g.seconds = pingone.clock.seconds()

    @app.after_request
    def end_request(response: Response) -> Response:
        effects: list[Effect] = g.effects
        for effect in effects:
            _change(response, effect)
        unanswered = any(isinstance(effect, DropConnection | LoseAnswer) for effect in effects)
        pingone.log.requests.append(
            _recorded(pingone.clock, None if unanswered else response.status_code)
        )
        # Recorded first, so that a client that stops waiting finds its request in the log.
        pingone.stopping.wait(sum(effect.seconds for effect in effects if isinstance(effect, Hang)))
        if unanswered:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return response

    @app.errorhandler(HTTPException)
    def answer_error(error: HTTPException) -> HTTPException:
        return error if error.response else platform_error(error.code or 500)

    # A custom domain belongs to one environment and has no environment id in its path.
    @app.post("/as/token", defaults={"environment_id": None})
    @app.post("/<environment_id>/as/token")
    def token(environment_id: str | None) -> Response:
        if environment_id is not None:
            _require_uuid(environment_id)
        if assertion := request.form.get("client_assertion", ""):
            pingone.log.issue_assertion(environment_id, assertion)
        _meet_faults(pingone, environment_id or "", "token")
        if request.form.get("grant_type") != "client_credentials":
            raise oauth_error(400, "unsupported_grant_type", "Unsupported grant type")
        client_id = (
            _client_of_assertion(pingone, assertion)
            if assertion
            else _client_of_secret(pingone, environment_id)
        )
        access_token = pingone.worker_apps.issue_token(environment_id, client_id)
        return _json(
            {"access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS},
            content_type="application/json",
        )

    @app.get("/v1/environments")
    def environments() -> Response:
        _require_token(pingone)
        _meet_faults(pingone, pingone.environments.organization_id, "environments")
        return _json(_page(pingone.environments))

    @app.post("/v1/environments/<environment_id>/dataExplorations")
    def create(environment_id: str) -> Response:
        _admit(pingone, environment_id)
        _meet_faults(pingone, environment_id, "create")
        if not request.is_json:
            raise platform_error(415, "The content type is not application/json.")
        scenario = pingone.environments.scenario_of(environment_id)
        exploration = pingone.explorations.create(
            environment_id, settings_of(request.get_json(silent=True), scenario.fields), scenario
        )
        return _json(body_of(exploration, _api_url(), pingone.clock), 201)

    @app.get("/v1/environments/<environment_id>/dataExplorations/<exploration_id>")
    def read(environment_id: str, exploration_id: str) -> Response:
        _admit(pingone, environment_id)
        _meet_faults(pingone, environment_id, "read")
        exploration = pingone.explorations.find(environment_id, exploration_id)
        if exploration is None:
            raise platform_error(
                404, "The request could not be completed. The requested resource was not found."
            )
        final = exploration.is_final(pingone.clock.seconds())
        if final:
            _meet_faults(pingone, environment_id, "read_ready")
        downloads = _downloads(pingone, exploration) if final else {}
        body = body_of(exploration, _api_url(), pingone.clock, final=final, downloads=downloads)
        return _json(body)

    return app


def _page(environments: Environments) -> dict[str, object]:
    """A page of the organisation's environments, and the link to the next one.

    PingOne's cursors are opaque. This one names the environment that the page begins behind, so a
    list that changes meanwhile shows nothing twice and skips nothing that stays.
    """
    try:
        limit = min(max(int(request.args.get("limit", "100")), 1), 100)
    except ValueError:
        raise platform_error(400, "The request could not be completed. Invalid limit.") from None
    behind = request.args.get("cursor", "")
    listed = sorted(environments.listed, key=lambda environment: environment.id)
    rest = [environment for environment in listed if environment.id > behind]
    url = f"{_api_url()}/environments"
    links = {"self": {"href": f"{url}?limit={limit}"}}
    if len(rest) > limit:
        links["next"] = {"href": f"{url}?limit={limit}&cursor={rest[limit - 1].id}"}
    return {
        "_links": links,
        "_embedded": {
            "environments": [
                {
                    "_links": {"self": {"href": f"{url}/{each.id}"}},
                    "id": each.id,
                    "name": each.name,
                    "type": each.type,
                    "status": each.status,
                    "description": each.description,
                    "organization": {"id": environments.organization_id},
                    "license": {"id": each.licence_id},
                }
                for each in rest[:limit]
            ]
        },
        "count": len(listed),
        "size": min(len(rest), limit),
    }


def _require_token(pingone: "PingOneSimulator") -> None:
    """Raises for a call that PingOne refuses for its token."""
    authorization = request.authorization
    if (
        authorization is None
        or authorization.type != "bearer"
        or not pingone.worker_apps.is_good(authorization.token or "")
    ):
        raise platform_error(
            401, "The request could not be completed. The access token is invalid or has expired."
        )


def _admit(pingone: "PingOneSimulator", environment_id: str) -> None:
    """Raises for a call that PingOne refuses for its token, environment or rate."""
    _require_token(pingone)
    _require_uuid(environment_id)
    seconds_to_wait = pingone.rate_limits and pingone.rate_limits.admit(environment_id)
    if seconds_to_wait:
        raise platform_error(
            429,
            "The request could not be completed. The rate limit was exceeded.",
            retry_after=seconds_to_wait,
        )


def _require_uuid(environment_id: str) -> None:
    try:
        UUID(environment_id)
    except ValueError:
        raise platform_error(
            404, "The request could not be completed. The environment was not found."
        ) from None


def _meet_faults(pingone: "PingOneSimulator", environment_id: str, operation: Operation) -> None:
    """Records the effects on this call; raises if a fault answers it."""
    effects = pingone.environments.faults_of(environment_id).effects_of_next(operation)
    g.effects += effects
    for effect in effects:
        match effect:
            case DropConnection():
                raise platform_error(503)
            case EchoCredentials(status=status):
                raise platform_error(status, f"Refused: {request.headers['Authorization']}.")
            case Answer(status=status, retry_after=retry_after, html=True):
                headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
                abort(Response(HTML_PAGE, status, headers, mimetype="text/html"))
            case Answer(status=401) if operation == "token":
                raise oauth_error(401, "invalid_client", "Invalid client credentials")
            case Answer(status=400) if operation == "token":
                raise oauth_error(400, "invalid_request", "Invalid request")
            case Answer(status=status, retry_after=retry_after):
                raise platform_error(status, retry_after=retry_after)


def _downloads(pingone: "PingOneSimulator", exploration: Exploration) -> dict[str, str]:
    """What the answer for a finished exploration adds."""
    if exploration.files is None:
        return {}
    files = exploration.files.result()
    environment_id, scenario = exploration.environment_id, exploration.scenario
    seconds = scenario.link_seconds
    for effect in g.effects:
        if isinstance(effect, LinkLifetime):
            seconds = effect.seconds
    downloads = {
        "zipPassword": random_password() if scenario.wrong_password else files.password,
        "csvPresignedUrl": pingone.bucket.presigned_link(files.csv_key, seconds),
        "jsonPresignedUrl": pingone.bucket.presigned_link(files.json_key, seconds),
    }
    for password in (files.password, downloads["zipPassword"]):
        pingone.log.issue("zip password", environment_id, password)
    for link in (downloads["csvPresignedUrl"], downloads["jsonPresignedUrl"]):
        pingone.log.issue_link(environment_id, link)
    return downloads


def _client_of_assertion(pingone: "PingOneSimulator", assertion: str) -> str:
    if request.form.get("client_assertion_type") != ASSERTION_TYPE:
        raise oauth_error(400, "invalid_request", "Unknown client_assertion_type")
    app = pingone.worker_apps.keyed
    if refusal := app.refusal_of(assertion, request.base_url):
        raise oauth_error(401, "invalid_client", refusal)
    return app.client_id


def _client_of_secret(pingone: "PingOneSimulator", environment_id: str | None) -> str:
    """From HTTP Basic or the form; PingOne calls them client_secret_basic and _post."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "basic":
        given = authorization.username or "", authorization.password or ""
    else:
        given = request.form.get("client_id", ""), request.form.get("client_secret", "")
    if not pingone.worker_apps.accepts(environment_id, *given):
        raise oauth_error(401, "invalid_client", "Invalid client credentials")
    return given[0]


def _change(response: Response, effect: Effect) -> None:
    match effect:
        case ChangeBody(omit=omit, override=override):
            body = json.loads(response.get_data())
            kept = {key: value for key, value in body.items() if key not in omit}
            response.set_data(json.dumps(kept | dict(override)))
        case Body(content=content):
            response.set_data(content)
        case MalformedJson():
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])


def _recorded(clock: Clock, status: int | None) -> RecordedRequest:
    return RecordedRequest(
        time=clock.instant(g.seconds),
        seconds=g.seconds,
        method=request.method,
        path=request.path,
        environment_id=(request.view_args or {}).get("environment_id"),
        status=status,
        correlation_id=request.headers.get("X-Ping-External-Transaction-Id"),
    )


def _api_url() -> str:
    return f"{request.host_url}v1"


def _json(
    body: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = _HAL,
) -> Response:
    return Response(json.dumps(body), status, headers, content_type=content_type)
