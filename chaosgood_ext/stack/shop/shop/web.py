"""What the shop's users see: HTML pages, and the same as JSON under ``/api``."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import prometheus_client
from flask import Flask, Response, g, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, Conflict, HTTPException, InternalServerError, NotFound, ServiceUnavailable
from werkzeug.wrappers import Response as AnyResponse

from . import metrics
from .errors import DatabaseUnavailable, NoSuchOrder, NoSuchProduct, OutOfStock
from .logs import log
from .store import MOST_PER_ORDER, Store

_NOT_LOGGED = {"/health", "/metrics"}
# Set in the WSGI environment of a request that must be turned away without any work.
REFUSED = "shop.refused"


def create_app(store: Store) -> Flask:
    """Return the WSGI application that serves `store`."""
    app = Flask(__name__, static_folder=None)
    app.jinja_env.filters["money"] = lambda cents: f"{cents // 100}.{cents % 100:02d}"
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
    _observe(app)
    _answer_errors(app)
    _add_operations(app)
    _add_pages(app, store)
    _add_api(app, store)
    return app


def _add_operations(app: Flask) -> None:
    @app.get("/health")
    def health() -> Response:
        # Whether this process answers; a lost database must not take every task out of service at once.
        return jsonify(status="ok")

    @app.get("/metrics")
    def figures() -> Response:
        return Response(prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _add_pages(app: Flask, store: Store) -> None:
    @app.get("/")
    def home() -> str:
        return render_template("home.html", products=store.products())

    @app.get("/products/<int:product_id>")
    def product(product_id: int) -> str:
        return render_template("product.html", product=store.product(product_id), most=MOST_PER_ORDER)

    @app.post("/orders")
    def place_order() -> AnyResponse:
        order = store.place_order(*_wanted(request.form))
        # A reload of the confirmation must not order again.
        return redirect(url_for("order", order_id=order.id), code=303)

    @app.get("/orders/<int:order_id>")
    def order(order_id: int) -> str:
        return render_template("order.html", order=store.order(order_id))


def _add_api(app: Flask, store: Store) -> None:
    @app.get("/api/products")
    def api_products() -> Response:
        return jsonify(products=store.products())

    @app.get("/api/products/<int:product_id>")
    def api_product(product_id: int) -> Response:
        return jsonify(store.product(product_id))

    @app.post("/api/orders")
    def api_place_order() -> tuple[Response, int]:
        body = request.get_json()
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        return jsonify(store.place_order(*_wanted(body))), 201

    @app.get("/api/orders/<int:order_id>")
    def api_order(order_id: int) -> Response:
        return jsonify(store.order(order_id))

    @app.get("/api/ledger")
    def api_ledger() -> Response:
        return jsonify(store.ledger(request.args.get("until", type=int)))


def _wanted(fields: Any) -> tuple[int, int, str]:
    """Return product id, quantity and customer of an order; raises BadRequest naming the field at fault."""
    product_id = _whole_number(fields, "product_id", 2**31 - 1)
    quantity = _whole_number(fields, "quantity", MOST_PER_ORDER)
    customer = str(fields.get("customer") or "guest").strip().replace("\0", "")
    if len(customer) > 80:
        raise BadRequest("customer must have 80 characters at most.")
    return product_id, quantity, customer


def _whole_number(fields: Any, name: str, most: int) -> int:
    try:
        value = int(fields[name])
    except (KeyError, TypeError, ValueError):
        value = 0
    if not 1 <= value <= most:
        raise BadRequest(f"{name} must be a whole number from 1 to {most}.")
    return value


def _observe(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = request.headers.get("X-Request-Id") or uuid.uuid4().hex
        g.error = None
        if request.environ.get(REFUSED):
            g.error = "refused: too many requests at the same time"
            raise ServiceUnavailable("The shop is too busy at the moment.")

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        route = request.url_rule.rule if request.url_rule else "unknown"
        metrics.REQUESTS.labels(request.method, route, response.status_code).inc()
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        response.headers["X-Request-Id"] = g.request_id
        if request.path not in _NOT_LOGGED:
            log(
                logging.ERROR if response.status_code >= 500 else logging.INFO,
                "request",
                request_id=g.request_id,
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=round(seconds * 1000, 1),
                error=g.error,
            )
        return response


def _answer_errors(app: Flask) -> None:
    @app.errorhandler(DatabaseUnavailable)
    def database_unavailable(error: DatabaseUnavailable) -> AnyResponse:
        g.error = f"database unavailable ({error.kind}): {error.cause}"
        return _answer(ServiceUnavailable("The database cannot be reached at the moment."), error.kind)

    @app.errorhandler(NoSuchProduct)
    def no_such_product(_error: NoSuchProduct) -> AnyResponse:
        return _answer(NotFound("There is no such product."))

    @app.errorhandler(NoSuchOrder)
    def no_such_order(_error: NoSuchOrder) -> AnyResponse:
        return _answer(NotFound("There is no such order."))

    @app.errorhandler(OutOfStock)
    def out_of_stock(_error: OutOfStock) -> AnyResponse:
        return _answer(Conflict("There are not that many left."))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> AnyResponse:
        return _answer(error)

    @app.errorhandler(Exception)
    def defect(error: Exception) -> AnyResponse:
        g.error = f"{type(error).__name__}: {error}"
        log(logging.ERROR, "unexpected error", traceback=True, request_id=g.request_id)
        return _answer(InternalServerError("Something is wrong with the shop."))


def _answer(error: HTTPException, kind: str | None = None) -> AnyResponse:
    if request.path.startswith("/api/"):
        problem = {"error": error.description, "kind": kind, "request_id": g.request_id}
        response: AnyResponse = jsonify({key: value for key, value in problem.items() if value})
    else:
        response = Response(render_template("error.html", error=error, request_id=g.request_id))
    response.status_code = error.code or 500
    return response
