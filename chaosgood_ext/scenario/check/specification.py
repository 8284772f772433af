"""The specification of Chaos Toolkit's experiments, as shapes: what chaoslib 1.44 and 1.45 really read.

Sources: https://chaostoolkit.org/reference/api/experiment/ and chaoslib itself, which reads less here and more
there (`env_var_type`, `verify_tls`, `max_retries`, `runtime.python`).
"""

from __future__ import annotations

from chaosgood_ext.scenario.check.shapes import (
    Boolean,
    ByKey,
    Choice,
    Either,
    Key,
    Keys,
    ListOf,
    MapOf,
    Named,
    Number,
    Shape,
    Tagged,
    Text,
    Variable,
    WithKey,
)

HYPOTHESIS_STRATEGIES = (
    "default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip",
)  # fmt: skip
ROLLBACK_STRATEGIES = ("default", "always", "never", "deviated")
CONVERSIONS = ("str", "string", "int", "integer", "float", "number", "bytes", "bool", "json")

_ANYTHING = Shape()
_TEXT = Text()
_SECONDS = Either(shapes=(Number(minimum=0, word="a number of seconds"), Variable()))
_SECRETS = Key("secrets", ListOf(_TEXT), "Names of top-level secrets that are handed over", nullable=True)
_TYPE = "Which kind it is"

_IN_PROVIDER = dict.fromkeys(
    ("arguments", "func", "headers", "max_retries", "method", "module", "path", "secrets", "url", "verify_tls"),
    "in provider",
)

PYTHON = Keys(
    description="A function of a Python module.",
    keys=(
        Key("type", Choice(("python",)), _TYPE, required=True),
        Key("module", _TEXT, "Dotted path of the module", required=True),
        Key("func", _TEXT, "Name of the function", required=True),
        Key("arguments", MapOf(), "The function's arguments by name"),
        Key("timeout", _ANYTHING, "Has no effect: a function is never interrupted"),
        _SECRETS,
    ),
    elsewhere={"background": "beside provider", "pauses": "beside provider", "tolerance": "beside provider"},
)
HTTP = Keys(
    description="A call of an address; its result has status, headers and body.",
    keys=(
        Key("type", Choice(("http",)), _TYPE, required=True),
        Key("url", _TEXT, "Address to call", required=True),
        Key("method", _TEXT, "HTTP method; GET by default"),
        Key("headers", Either(shapes=(MapOf(), Variable())), "Request headers", nullable=True),
        Key("arguments", _ANYTHING, "Query of a GET, body of any other method"),
        Key(
            "timeout",
            Either(
                shapes=(
                    Number(minimum=0, above=True, word="a number of seconds"),
                    ListOf(Number(minimum=0, above=True), length=2),
                    Variable(),
                )
            ),
            "Seconds, or seconds to connect and seconds to read",
            nullable=True,
        ),
        Key("verify_tls", Either(shapes=(Boolean(), Text())), "Whether to verify the certificate; true by default"),
        Key("max_retries", Number(whole=True, minimum=0, word="a whole number"), "How often to connect again; 0"),
        Key("expected_status", _ANYTHING, "Has no effect; use tolerance"),
        _SECRETS,
    ),
    elsewhere={"background": "beside provider", "pauses": "beside provider", "tolerance": "beside provider"},
)
PROCESS = Keys(
    description="A program; its result has status, stdout and stderr.",
    keys=(
        Key("type", Choice(("process",)), _TYPE, required=True),
        Key("path", _TEXT, "Program, by path or by name on PATH", required=True),
        Key(
            "arguments",
            Either(shapes=(ListOf(), Text(may_be_empty=True), MapOf())),
            "A list of arguments, or text for a shell",
        ),
        Key("timeout", Number(minimum=0, above=True, word="a number of seconds"), "Seconds", nullable=True),
        _SECRETS,
    ),
    elsewhere={"background": "beside provider", "pauses": "beside provider", "tolerance": "beside provider"},
)
PROVIDER = Named(
    name="provider",
    look_up=lambda: _PROVIDER,
)
_PROVIDER: Shape = ByKey({"python": PYTHON, "http": HTTP, "process": PROCESS})

CONTROL = Named(name="control", look_up=lambda: _CONTROL)
_CONTROL: Shape = Keys(
    description="What is called before and after each part of the experiment.",
    keys=(
        Key("name", _TEXT, "Name of the control", required=True),
        Key("ref", _TEXT, "Name of a control that is declared elsewhere"),
        Key(
            "provider",
            Keys(
                keys=(
                    Key("type", Choice(("python",)), _TYPE, required=True),
                    Key("module", _TEXT, "Dotted path of the module that has the control's functions", required=True),
                    Key("arguments", MapOf(), "Arguments of every function of the control, by name"),
                    Key("secrets", _ANYTHING, "Has no effect: a control is handed all secrets"),
                )
            ),
            "The module that has the control's functions",
            required=True,
        ),
        Key("scope", Choice(("before", "after")), "When it is called; by default before and after", nullable=True),
        Key("automatic", Boolean(), "Whether it is called at the levels below, too; true by default"),
    ),
    elsewhere={"module": "in provider", "arguments": "in provider", "type": "in provider"},
)
CONTROLS = Key("controls", ListOf(CONTROL), "What is called before and after")

_PAUSES = Keys(
    keys=(
        Key("before", _SECONDS, "Seconds to wait before it", nullable=True),
        Key("after", _SECONDS, "Seconds to wait after it", nullable=True),
    )
)

TOLERANCE = Named(name="tolerance", look_up=lambda: _TOLERANCE)
_TARGET = Key("target", _TEXT, "Key of the result that is compared: status, body, stdout …", nullable=True)
_OUTPUT = "What the probe's result must be"

_IGNORED = (
    Key("timeout", Number(), "Has no effect: give it to the provider", nullable=True),
    Key("configuration", _ANYTHING, "Has no effect"),
    Key("secrets", _ANYTHING, "Has no effect: give them to the provider"),
    Key("dry", _ANYTHING, "Has no effect but to switch off --dry for this activity"),
)


def _activity(types: tuple[str, ...], *more: Key, tolerated: tuple[str, ...] = (), description: str) -> Keys:
    return Keys(
        description=description,
        keys=(
            Key("type", Choice(types, tolerated), _TYPE, required=True),
            Key("name", _TEXT, "Name of the activity, by which others refer to it", required=True),
            Key("provider", PROVIDER, "What carries it out", required=True),
            Key("background", Boolean(), "Whether the next activity starts at once; false by default"),
            Key("pauses", _PAUSES, "Seconds to wait before and after it"),
            CONTROLS,
            *more,
            *_IGNORED,
        ),
        elsewhere=_IN_PROVIDER,
    )


def _reference(*more: Key) -> Keys:
    return Keys(
        description="An activity that is declared elsewhere in the experiment.",
        keys=(
            Key("ref", _TEXT, "Name of an activity of the method or the hypothesis", required=True),
            Key("name", _TEXT, "Has no effect beside ref"),
            Key("type", _ANYTHING, "Has no effect beside ref"),
            Key("background", Boolean(), "Whether the next activity starts at once; false by default"),
            *more,
            CONTROLS,
        ),
    )


_TOLERANCE_KEY = Key("tolerance", TOLERANCE, _OUTPUT, required=True)
_NO_TOLERANCE = Key("tolerance", _ANYTHING, "Has no effect outside the hypothesis")

HYPOTHESIS_PROBE = Named(
    name="hypothesis-probe",
    look_up=lambda: _HYPOTHESIS_PROBE,
)
_HYPOTHESIS_PROBE: Shape = WithKey(
    key="ref",
    then=_reference(_TOLERANCE_KEY),
    otherwise=_activity(
        ("probe",), _TOLERANCE_KEY, tolerated=("action",), description="A question whose answer must be tolerated."
    ),
)
ACTIVITY = Named(
    name="activity",
    look_up=lambda: _ACTIVITY,
)
_ACTIVITY: Shape = WithKey(
    key="ref",
    then=_reference(_NO_TOLERANCE),
    otherwise=_activity(("action", "probe"), _NO_TOLERANCE, description="Something that is done or asked."),
)

_TOLERANCE: Shape = Either(
    shapes=(
        Boolean(),
        # Floats are refused by chaoslib, which the check tolerance-type explains.
        Number(whole=True, lenient=True, word="a whole number"),
        Text(may_be_empty=True),
        ListOf(),
        ByKey(
            {
                "regex": Keys(
                    description="The result matches a regular expression.",
                    keys=(
                        Key("type", Choice(("regex",)), _TYPE, required=True),
                        Key("pattern", _TEXT, "Regular expression of Python", required=True),
                        _TARGET,
                    ),
                ),
                "jsonpath": Keys(
                    description="A JSON path finds something in the result.",
                    keys=(
                        Key("type", Choice(("jsonpath",)), _TYPE, required=True),
                        Key("path", _TEXT, "JSON path", required=True),
                        Key("expect", _ANYTHING, "What it has to find"),
                        Key("count", Number(whole=True, minimum=0, word="a whole number"), "How much", nullable=True),
                        _TARGET,
                    ),
                ),
                "range": Keys(
                    description="The result is a number between two others, or one of them.",
                    keys=(
                        Key("type", Choice(("range",)), _TYPE, required=True),
                        Key("range", ListOf(Number(), length=2), "Lowest and highest number", required=True),
                        _TARGET,
                    ),
                ),
                "probe": _activity(("probe",), description="Another probe judges the result, its argument `value`."),
            },
        ),
    )
)

_ENV = Keys(
    description="The value of an environment variable.",
    keys=(
        Key("type", Choice(("env",)), _TYPE, required=True),
        Key("key", _TEXT, "Name of the environment variable", required=True),
        Key("default", _ANYTHING, "Value where the variable is not set"),
        Key("env_var_type", Choice(CONVERSIONS), "What the variable is converted to", nullable=True),
    ),
)
_DYNAMIC = Keys(
    description="The result of a probe that is asked before the experiment starts.",
    keys=(
        Key("type", Choice(("probe",)), _TYPE, required=True),
        Key("name", _TEXT, "Name of the probe"),
        Key("provider", PROVIDER, "What carries it out", required=True),
        Key("description", _ANYTHING, "What it is for"),
    ),
    elsewhere=_IN_PROVIDER,
)


_CONFIGURED = Tagged({"env": _ENV, "probe": _DYNAMIC})

SECRET = Named(name="secret", look_up=lambda: _SECRET)
_SECRET: Shape = Tagged(
    {
        "env": Keys(
            description="The value of an environment variable.",
            keys=(
                Key("type", Choice(("env",)), _TYPE, required=True),
                Key("key", _TEXT, "Name of the environment variable", required=True),
                Key("default", _ANYTHING, "Has no effect for a secret"),
                Key("env_var_type", _ANYTHING, "Has no effect for a secret"),
            ),
        ),
        "vault": Keys(
            description="A secret of HashiCorp Vault.",
            keys=(
                Key("type", Choice(("vault",)), _TYPE, required=True),
                Key("path", _TEXT, "Path of the secret", required=True),
                Key("key", _TEXT, "Key in the secret; by default all of it", nullable=True),
            ),
        ),
    },
    otherwise=MapOf(SECRET),
)

_STRATEGY = "When it is played"
RUNTIME = Keys(
    description="How the experiment is run.",
    keys=(
        Key(
            "hypothesis",
            Keys(keys=(Key("strategy", Choice(HYPOTHESIS_STRATEGIES, ("continously",)), _STRATEGY),)),
            "When the hypothesis is verified",
        ),
        Key("rollbacks", Keys(keys=(Key("strategy", Choice(ROLLBACK_STRATEGIES), _STRATEGY),)), "When rollbacks play"),
        Key(
            "python",
            Keys(
                keys=(
                    Key("dependencies", ListOf(_TEXT), "Packages to install for the run", nullable=True),
                    Key("isolated", Boolean(), "Whether the run gets an environment of its own"),
                    Key("version", _TEXT, "Version of Python", nullable=True),
                )
            ),
            "What Python the experiment needs (chaostoolkit 1.21 and later)",
        ),
    ),
)

HYPOTHESIS = Keys(
    description="What must hold before and after the method.",
    keys=(
        Key("title", _TEXT, "The hypothesis, in a sentence", required=True),
        Key("probes", ListOf(HYPOTHESIS_PROBE), "What is asked"),
        CONTROLS,
    ),
    elsewhere={"tolerance": "in a probe", "method": "at the top level", "rollbacks": "at the top level"},
)

EXPERIMENT = Keys(
    description="An experiment of Chaos Toolkit.",
    keys=(
        Key("title", _TEXT, "What the experiment is called", required=True),
        Key("description", _TEXT, "What it is about", required=True),
        Key("version", _ANYTHING, "Version of the specification; has no effect"),
        Key("tags", ListOf(_TEXT), "Words to find it by", nullable=True),
        Key(
            "contributions",
            MapOf(Choice(("high", "medium", "low", "none"))),
            "How much it tells about a property of the system",
            nullable=True,
        ),
        Key("configuration", MapOf(_CONFIGURED), "Values that activities use, by name"),
        Key(
            "secrets",
            MapOf(MapOf(SECRET)),
            "Values that activities use and that are not shown, by group and name",
        ),
        Key(
            "extensions",
            ListOf(Keys(keys=(Key("name", _TEXT, "Name of the extension", required=True),), open=True)),
            "What tools add to the experiment",
            nullable=True,
        ),
        CONTROLS,
        Key("runtime", RUNTIME, "How the experiment is run", nullable=True),
        Key("steady-state-hypothesis", HYPOTHESIS, "What must hold before and after the method"),
        Key("method", ListOf(ACTIVITY), "What is done and asked, in turn", required=True),
        Key("rollbacks", ListOf(ACTIVITY), "What puts everything back, in turn"),
    ),
    elsewhere={
        "probes": "in steady-state-hypothesis",
        "hypothesis": "in runtime, or its name is steady-state-hypothesis",
        "fixes": "in the extension chaosgood",
        "hints": "in the extension chaosgood",
        "story": "in the extension chaosgood",
    },
)
