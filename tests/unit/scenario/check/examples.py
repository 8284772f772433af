"""What each check finds, at the place that ▶ marks, and what it takes to be meant."""

from __future__ import annotations

from textwrap import dedent

from chaosgood_ext.game.settings import Settings
from chaosgood_ext.scenario.template import declaration

HTTP = "provider: {type: http, url: 'http://localhost'}"
SWITCHES = "configuration:\n" + "".join(
    f"  {name}: {declaration(name, default)}\n" for name, default in vars(Settings()).items()
)
CONTROLS = "controls: [{name: game, provider: {type: python, module: chaosgood_ext.game.control}}]\n"
HYPOTHESIS = (
    "steady-state-hypothesis: {title: h, probes: [{type: probe, name: p, tolerance: 200, "
    "provider: {type: http, url: 'http://localhost'}}]}\n"
)
METHOD = "method: []\n"
EXTENSION = """\
extensions:
  - name: chaosgood
    title: t
    story: s
    page: p
    difficulty: easy
    time_limit_s: 900
    hints: []
    fixes: [{name: a-fix, description: d, run: 'true'}]
"""
VARIANTS = (
    EXTENSION
    + """\
    variants:
      - {name: hard, description: d, activities: [m]}
      - {name: soft, description: d}
"""
)


def experiment(fragment: str) -> str:
    """A valid experiment but for `fragment`."""
    fragment = dedent(fragment).lstrip("\n")
    method = "" if "\nmethod:" in "\n" + fragment.replace("▶", "") else METHOD
    return f"title: t\ndescription: d\n{fragment}{method}"


def scenario(
    fragment: str = "",
    *,
    configuration: str = SWITCHES,
    controls: str = CONTROLS,
    hypothesis: str = HYPOTHESIS,
    extension: str = EXTENSION,
) -> str:
    """A valid scenario but for `fragment` or a part that is replaced."""
    return experiment(configuration + controls + hypothesis + extension + dedent(fragment).lstrip("\n"))


def probe(tolerance: str, provider: str = "{type: http, url: 'http://localhost'}") -> str:
    """An experiment whose hypothesis has one probe, with `tolerance` and `provider` as written."""
    return experiment(f"""
        steady-state-hypothesis:
          title: h
          probes:
            - name: p
              type: probe
              provider: {provider}
              tolerance: {tolerance}
        """)


def action(rest: str, provider: str = "{type: http, url: 'http://localhost'}") -> str:
    """An experiment whose method has one action, with `provider` and further keys as written."""
    return experiment(f"""
        method:
          - name: a
            type: action
            provider: {provider}
            {rest}
        """)


def python(module: str, func: str, arguments: str = "{}", more: str = "") -> str:
    """A Python provider."""
    return f"{{type: python, module: {module}, func: {func}, arguments: {arguments}{more}}}"


REVOKE = "requested_security_group_id: sg-1, ip_protocol: tcp, from_port: 1, to_port: 1, cidr_ip: 10.0.0.0/8"


def fault(rest: str = "") -> str:
    """A method with a fault that the game can undo, and the rollbacks that are asked for."""
    provider = python("chaosaws.ec2.actions", "revoke_security_group_ingress", f"{{{REVOKE}}}")
    return f"method: [{{name: f, type: action, provider: {provider}}}]\n{rest}"


BACK = f"rollbacks: [{{name: b, type: action, {HTTP}}}]\n"
ALWAYS = "runtime: {rollbacks: {strategy: always}}\n"

EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "too-large": [("▶title: " + "x" * 1024 * 1024, ""), ("[" + "x," * 49_999 + "x,▶x]", "")],
    "not-text": [("title: ▶\x07", "")],
    "syntax": [
        ("title: t\n  method▶: []\n", ""),
        ("title: t\n▶---\ntitle: u\n", ""),
        ("{}▶x: y", ""),
        ("title: ▶2020-13-45\n", ""),
    ],
    "too-deep": [("[" * 100 + "▶[" + "]" * 101, "")],
    "alias-bomb": [
        ("a: &a [▶*a]\n", ""),
        ("a: &a [" + "x," * 999 + "]\nb: &b [" + "*a, " * 48 + "▶*a, *a]", ""),
    ],
    "unknown-tag": [("title: ▶!!python/object/apply:os.system [id]\n", "")],
    "duplicate-key": [(experiment("tags: [a]\n▶tags: [b]\n"), "")],
    "not-an-experiment": [("▶", ""), ("▶- title\n", ""), ("▶title\n", "")],
    "misspelt-key": [
        (experiment("▶rollback: []\n"), "rollbacks"),
        (experiment("▶steady_state_hypothesis: {}\n"), "steady-state-hypothesis"),
        (action("▶backgroud: true"), "background"),
        (action("pauses: {▶befor: 1}"), "before"),
    ],
    "unknown-key": [(experiment("▶comment: hello\n"), "")],
    "misplaced-key": [(action("▶arguments: {a: 1}"), ""), (action("▶url: 'http://localhost'"), "")],
    "missing-key": [
        ("▶title: t\nmethod: []\n", ""),
        ("▶title: t\ndescription: d\n", ""),
        (experiment("method:\n  - ▶name: a\n    type: action\n"), ""),
        (action("", "▶{type: process}"), ""),
        (action("", "▶{path: 'true'}"), "type: process"),
        (probe("▶{type: regex, target: body}"), ""),
        (experiment("configuration:\n  a: ▶{type: env}\n"), ""),
        (experiment("secrets: {a: {b: ▶{type: vault, key: c}}}\n"), ""),
        (experiment("secrets: {a: {b: {c: ▶{type: env}}}}\n"), ""),
        (experiment(f"steady-state-hypothesis: {{title: h, probes: [▶{{type: probe, name: p, {HTTP}}}]}}\n"), ""),
        (experiment("controls: [▶{provider: {type: python, module: chaosgood_ext.game.control}}]\n"), ""),
    ],
    "wrong-type": [
        (experiment("method: ▶{}\n"), ""),
        (experiment("tags: ▶web\n"), ""),
        (experiment("tags: [▶1]\n"), ""),
        (experiment("configuration: ▶[]\n"), ""),
        (experiment("secrets: {token: ▶abc}\n"), ""),
        (experiment("method: [▶go]\n"), ""),
        (action('background: ▶"yes"'), ""),
        (action("pauses: ▶5"), ""),
        (action('pauses: {before: ▶"5"}'), ""),
        (action("", python("os", "remove", more=", secrets: ▶token")), ""),
        (action("", "{type: process, path: 'true', timeout: ▶'${t}'}"), ""),
        (action("", "{type: ▶1}"), ""),
        (experiment("controls: ▶{}\n"), ""),
    ],
    "unknown-value": [
        (experiment("runtime: {rollbacks: {strategy: ▶alwys}}\n"), "always"),
        (experiment("runtime: {hypothesis: {strategy: ▶continuous}}\n"), "continuously"),
        (action("", "{type: ▶pyton, module: a, func: b}"), "python"),
        (probe("{type: ▶regexp, pattern: a}"), "regex"),
        (experiment(f"method: [{{name: a, type: ▶acton, {HTTP}}}]\n"), "action"),
        (experiment("contributions: {speed: ▶hihg}\n"), "high"),
        (experiment("configuration: {a: {type: env, key: A, env_var_type: ▶flot}}\n"), "float"),
    ],
    "null-section": [
        (experiment("rollbacks:▶\n"), ""),
        (experiment("configuration:▶\n"), ""),
        (experiment("steady-state-hypothesis:▶\n"), ""),
        (experiment("method: [▶null]\n"), ""),
        (action("pauses:▶"), ""),
        (action("", "{type: process, path: 'true', arguments: ▶null}"), ""),
        (experiment("runtime: {rollbacks: ▶null}\n"), ""),
    ],
    "null-ignored": [(experiment("tags:▶\n"), ""), (experiment("extensions:▶\n"), "")],
    "empty-text": [("title: ▶''\ndescription: d\nmethod: []\n", ""), (action("", "{type: http, url: ▶' '}"), "")],
    "out-of-range": [
        (action("pauses: {after: ▶-1}"), ""),
        (action("", "{type: http, url: 'http://localhost', timeout: ▶[1, 2, 3]}"), ""),
        (action("", "{type: process, path: 'true', timeout: ▶0}"), ""),
        (probe("{type: range, target: status, range: ▶[1]}"), ""),
    ],
    "undefined-ref": [(experiment(f"method: [{{name: ask, type: probe, {HTTP}}}, {{ref: ▶asks}}]\n"), "ask")],
    "ambiguous-ref": [
        (experiment(f"method: [{{name: a, type: probe, {HTTP}}}, {{name: a, type: probe, {HTTP}}}, {{ref: ▶a}}]\n"), "")
    ],
    "ignored-key": [
        (action("▶timeout: 5"), ""),
        (action("▶dry: actions"), ""),
        (action("▶tolerance: 200"), ""),
        (action("", "{type: http, url: 'http://localhost', ▶expected_status: 200}"), ""),
        (action("", python("os", "remove", more=", ▶timeout: 5")), ""),
        (probe("200").replace("      type: probe", "      ▶background: true\n      type: probe"), ""),
    ],
    "url-scheme": [(action("", "{type: http, url: ▶localhost/health}"), '"http://localhost/health"')],
    "program-not-found": [(action("", "{type: process, path: ▶no-such-program}"), "")],
    "deprecated-arguments": [(action("", "{type: process, path: 'true', ▶arguments: {a: b}}"), "")],
    "background-without-end": [(action("▶background: true"), "")],
    "action-in-hypothesis": [
        (experiment("steady-state-hypothesis: {title: h, probes: "
                    f"[{{type: ▶action, name: p, tolerance: 1, {HTTP}}}]}}\n"), "probe"),
        (experiment(f"""
            steady-state-hypothesis: {{title: h, probes: [{{ref: ▶act, tolerance: 200}}]}}
            method: [{{name: act, type: action, {HTTP}}}]
            """), ""),
    ],
    "hypothesis-empty": [(experiment("▶steady-state-hypothesis: {title: h}\n"), "")],
    "tolerance-type": [(probe("▶0.5", python("a", "b")), "{type: range, range: [0.5, 0.5]}")],
    "bad-pattern": [(probe("{type: regex, target: body, pattern: ▶'['}"), "")],
    "tolerance-would-raise": [
        (probe("▶[1, two]", python("a", "b")), ""),
        (probe("▶{type: regex, pattern: ok}"), "target: body"),
        (probe("{type: regex, pattern: ok, target: ▶headers}"), ""),
        (probe("▶{type: range, range: [0, 1]}", "{type: process, path: 'true'}"), "target: status"),
        (probe("{type: range, range: [0, 1], target: ▶a}", python("chaosgood_ext.load.probes", "load_is_offered")), ""),
        (probe("▶{type: regex, pattern: a}", python("chaosgood_ext.load.probes", "load_is_offered")), ""),
        (probe("▶{type: range, range: [0, 1]}", python("chaosprometheus.probes", "query", "{query: up}")), ""),
        (probe("{type: probe, name: t, provider: "
               "▶{type: python, module: chaosgood_ext.prometheus.probes, func: values_within}}"), "arguments: {}"),
    ],
    "tolerance-never-met": [
        (probe("▶true"), "200"),
        (probe("▶ok", "{type: process, path: 'true'}"), "0"),
        (probe("▶[]"), ""),
        (probe("▶[5, 1]", python("a", "b")), ""),
        (probe("▶{type: range, target: status, range: [5, 1]}"), ""),
    ],
    "tolerance-not-a-range": [(probe("▶[200, 299]"), "{type: range, target: status, range: [200, 299]}")],
    "jsonpath-not-installed": [(probe("{type: ▶jsonpath, path: a}"), "")],
    "module-not-found": [
        (action("", python("▶chaosk8s.pod.actions", "terminate_pods")), ""),
        (action("", python("▶chaosaws.ec3.actions", "stop_instance")), "chaosaws.ec2.actions"),
        (action("", python("▶chaosawss.ec2.actions", "stop_instance")), "chaosaws.ec2.actions"),
        (experiment("controls: [{name: c, provider: {type: python, module: ▶no_such.control}}]\n"), ""),
    ],
    "function-not-found": [
        (action("", python("chaosaws.ec2.actions", "▶stop_instanc")), "stop_instance"),
        (action("", python("json.decoder", "▶JSONDecoder")), ""),
    ],
    "unknown-argument": [
        (action("", python("chaosaws.ec2.actions", "stop_instance", "{▶instance_ids: i}")), "instance_id"),
        (action("", python("chaosgood_ext.load.actions", "stop_load", "{▶now: true}")), ""),
    ],
    "missing-argument": [
        (action("", python("chaosaws.ecs.actions", "update_desired_count").replace("arguments", "▶arguments")), "")
    ],
    "argument-type": [
        (action("", python("chaosgood_ext.load.actions", "start_load", "{users: ▶'10'}")), "10"),
        (action("", python("chaosgood_ext.load.actions", "start_load", "{url: ▶8080}")), '"8080"'),
        (experiment("configuration: {many: lots}\n")
         + "rollbacks: [{name: a, type: action, provider: "
         + python("chaosgood_ext.load.actions", "start_load", "{users: ▶'${many}'}") + "}]\n", ""),
    ],
    "judge-without-value": [
        (probe("{type: probe, name: t, provider: "
               "{type: python, module: chaosgood_ext.load.probes, func: ▶load_is_offered, arguments: {}}}"), "")
    ],
    "undefined-secret": [(action("", python("os", "remove", more=", secrets: [▶tokn]")), "")],
    "undefined-variable": [
        (experiment("configuration: {place: a}\n") + "rollbacks: [{name: a, type: action, provider: "
         "{type: http, url: ▶'http://${plce}'}}]\n", "${place}"),
        (probe("▶'${wanted}'", python("a", "b")), ""),
        (action("pauses: {after: ▶'${wait}'}"), ""),
    ],
    "maybe-undefined-variable": [
        (action("", "{type: process, path: bash, arguments: [-c, ▶'echo ${HOME}']}"), ""),
        (experiment("controls: [{name: c, provider: {type: python, module: chaosaws.s3.controls.upload}}]\n")
         + f"rollbacks: [{{name: a, type: action, {HTTP}, pauses: {{after: ▶'${{later}}'}}}}]\n", ""),
    ],
    "variable-name": [
        (experiment("configuration: {my-url: 'http://a'}\n") + "rollbacks: [{name: a, type: action, provider: "
         "{type: http, url: ▶'${my-url}'}}]\n", "${my_url}"),
    ],
    "variable-not-replaced": [
        (experiment("configuration: {prog: ls}\n") + "rollbacks: [{name: a, type: action, provider: "
         "{type: process, path: ▶'${prog}'}}]\n", "")
    ],
    "default-not-convertible": [
        (experiment("configuration: {a: {type: env, key: A, env_var_type: int, default: ▶many}}\n"), ""),
        (experiment("configuration: {a: {type: env, key: A, env_var_type: json, default: ▶'{'}}\n"), ""),
    ],
    "unknown-lookup": [(experiment("configuration: {▶a: {type: vault, key: b}}\n"), "type: env")],
    "dynamic-configuration": [
        (experiment("secrets: {a: {b: c}}\nconfiguration: {▶d: {type: probe, name: p, " + HTTP + "}}\n"), "")
    ],
    "flat-secret": [(experiment("secrets: {▶token: {type: env, key: TOKEN}}\n"), "token: {token: …}")],
    "secret-default": [(experiment("secrets: {a: {b: {type: env, key: B, ▶default: c}}}\n"), "")],
    "control-without-functions": [
        (experiment("controls: [{name: c, provider: {type: python, module: ▶chaosaws.ec2.actions}}]\n"), "")
    ],
    "control-argument": [
        (experiment("controls: [{name: c, provider: {type: python, module: chaosaws.s3.controls.upload, "
                    "arguments: {bucket_name: b, dirpath: d, ▶as_yml: true}}}]\n"), "as_yaml"),
        (experiment("controls: [{name: c, provider: {type: python, module: chaosaws.s3.controls.upload, "
                    "▶arguments: {bucket_name: b}}}]\n"), ""),
    ],
    "undefined-control": [
        (experiment("controls: [{name: game, provider: {type: python, module: chaosgood_ext.game.control}}]\n"
                    f"rollbacks: [{{name: a, type: action, {HTTP}, controls: [{{ref: ▶gane, name: x, "
                    "provider: {type: python, module: chaosgood_ext.game.control}}]}]\n"), "game"),
    ],
    "control-secrets": [
        (experiment("controls: [{name: c, provider: {type: python, module: chaosgood_ext.game.control, "
                    "▶secrets: [a]}}]\n"), "")
    ],
    "extension": [
        (scenario(extension=EXTENSION + "    ▶hint: []\n"), ""),
        (scenario(extension=EXTENSION.replace("difficulty: easy", "difficulty: ▶eazy")), "easy"),
        (scenario(extension=EXTENSION.replace("- name", "- ▶name").replace("    page: p\n", "")), ""),
        (scenario(extension=EXTENSION.replace("900", "▶0")), ""),
        (scenario(extension=EXTENSION.replace("hints: []", "hints: ▶{}")), ""),
        (scenario(extension=EXTENSION.replace("a-fix", "▶A Fix")), ""),
        (scenario(extension=EXTENSION.partition("fixes")[0] + "▶fixes: []\n"), ""),
    ],
    "extension-repeated": [
        (scenario(extension=EXTENSION + EXTENSION.replace("extensions:\n", "").replace("chaosg", "▶chaosg")), "")
    ],
    "repeated-name": [
        (scenario(extension=EXTENSION + "    cheats: [{name: ▶a-fix, description: d, run: 'true'}]\n"), ""),
        (scenario(f"method: [{{name: a, type: probe, {HTTP}}}, {{name: ▶a, type: probe, {HTTP}}}]\n"), ""),
    ],
    "no-game-control": [
        (scenario(controls="").replace("title", "▶title", 1),
         "{name: game, provider: {type: python, module: chaosgood_ext.game.control}}"),
    ],
    "no-hypothesis": [(scenario(hypothesis="").replace("title", "▶title", 1), "")],
    "no-rollbacks": [
        (scenario(fault()).replace("title", "▶title", 1), ""),
        (scenario(fault("▶rollbacks: []\n")), ""),
    ],
    "rollbacks-not-always": [
        (scenario(fault(BACK)).replace("title", "▶title", 1), "runtime: {rollbacks: {strategy: always}}"),
        (scenario(fault(BACK + "runtime: {rollbacks: {strategy: ▶deviated}}\n")),
         "runtime: {rollbacks: {strategy: always}}"),
    ],
    "load-never-stopped": [
        (scenario("method: [▶{name: l, type: action, provider: "
                  + python("chaosgood_ext.load.actions", "start_load") + "}]\n"),
         "a rollback that calls chaosgood_ext.load.actions.stop_load"),
    ],
    "no-inverse": [
        (scenario("method: [▶{name: f, type: action, provider: {type: process, path: 'true'}}]\n" + BACK + ALWAYS), ""),
        (scenario("method: [▶{name: f, type: action, provider: "
                  + python("chaosaws.rds.actions", "delete_db_instance", "{db_instance_identifier: i}")
                  + "}]\n" + BACK + ALWAYS), ""),
    ],
    "irreversible-unknown": [
        (scenario(fault(BACK + ALWAYS), extension=EXTENSION + "    irreversible: [▶g]\n"), ""),
    ],
    "unknown-variant": [
        (scenario(extension=VARIANTS + "    cheats: [{name: c, description: d, run: x, variants: [▶hards]}]\n"),
         "hard"),
    ],
    "unknown-activity": [
        (scenario(extension=VARIANTS.replace("[m]", "[▶m]")), ""),
    ],
    "variant-without-fix": [
        (scenario(extension=VARIANTS.replace("run: 'true'", "run: x, variants: [hard]").replace("soft", "▶soft")), ""),
    ],
    "unknown-switch": [
        (scenario(configuration=SWITCHES + "  speed: {type: env, key: ▶CHAOSGOOD_SPEED, default: 1}\n"), ""),
        (scenario(configuration=SWITCHES.replace("fix:", "▶fxi:")), "fix"),
    ],
    "missing-switch": [
        (scenario(configuration=SWITCHES.replace("configuration", "▶configuration").replace(
            '  fix: {type: env, key: CHAOSGOOD_FIX, default: ""}\n', "")),
         'fix: {type: env, key: CHAOSGOOD_FIX, default: ""}'),
    ],
    "switch-without-default": [
        (scenario(configuration=SWITCHES.replace("fix:", "▶fix:").replace('FIX, default: ""', "FIX")), 'default: ""'),
    ],
    "unknown-placeholder": [
        (scenario(configuration=SWITCHES + "  ▶vpcid: from the environment\n"), "vpc_id"),
        (scenario(configuration=SWITCHES + "  vpc_id: ▶from the enviroment\n"), "from the environment"),
    ],
}  # fmt: skip
