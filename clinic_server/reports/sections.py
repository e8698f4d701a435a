"""The sections of the report, from the stored JSON of `analytics.holter`.

Order and content follow the clinical definition of the report, sections 1 to 16 and 23;
what could not be assessed keeps its row and says why.
"""

from typing import Any

from clinic_server.reports.document import Json, Say, Section, Table, cells, pick
from clinic_server.reports.sections_episodes import episodes
from clinic_server.reports.sections_waves import qt, st
from clinic_server.wire.diary import Symptom

Result = dict[str, Any]


def quality(say: Say, r: Result) -> Section:
    """Coverage: what was recorded and what could be used."""
    c = r["coverage"]
    grades = " / ".join(say.span(c["grade_s"].get(g, 0.0)) for g in "ABCX")
    return Section(
        say.t("section.quality"),
        [
            say.row("gap", say.span(c["gap_s"])),
            say.row("lead_off", say.span(c["lead_off_s"])),
            say.row("noise", say.span(c["noise_s"])),
            say.row("grade", grades),
        ],
    )


def heart_rate(say: Say, r: Result) -> Section:
    """Section 3."""
    h = r["heart_rate"]

    def extreme(name: str) -> str:
        found = h[name]
        if found is None:
            return say.missing(f"heart_rate.{name}")
        value = say.unit(found["bpm"], "bpm")
        return say.t("unit.at", value=value, at=say.moment(found["at"]))

    return Section(
        say.t("section.rate"),
        [
            say.row("total_beats", say.number(h["total_beats"])),
            say.row("mean_bpm", say.unit(h["mean_bpm"], "bpm", 0, "heart_rate.mean_bpm")),
            say.row("min_bpm", extreme("min")),
            say.row("max_bpm", extreme("max")),
            say.row(
                "day_mean", say.unit(h["day_mean_bpm"], "bpm", 0, "heart_rate.day_mean_bpm")
            ),
            say.row(
                "night_mean",
                say.unit(h["night_mean_bpm"], "bpm", 0, "heart_rate.night_mean_bpm"),
            ),
            say.row(
                "circadian",
                say.plain(h["circadian_index"], 2, "heart_rate.circadian_index"),
            ),
            say.row("over_100", say.span(h["over_100_s"])),
            say.row("under_60", say.span(h["under_60_s"])),
            say.row("under_50", say.span(h["under_50_s"])),
            say.row("under_40", say.span(h["under_40_s"])),
        ],
    )


def rhythm(say: Say, r: Result) -> Section:
    """Section 2."""
    rows = [
        (
            say.t(f"group.{share['group']}"),
            f"{say.unit(share['pct'], 'pct', 1)} · {say.span(share['seconds'])}",
        )
        for share in r["rhythm"]["shares"]
    ]
    counts = r["rhythm"]["episode_counts"]
    table = Table(
        [say.t("table.rhythm"), say.t("table.episodes"), say.t("table.total")],
        [
            [
                say.t(f"rhythm.{name}"),
                say.number(n),
                say.span(r["rhythm"]["episode_seconds"][name]),
            ]
            for name, n in counts.items()
            if n and name not in ("N", "NOISE")
        ],
    )
    return Section(say.t("section.rhythm"), rows, table if table.rows else None)


def _run(say: Say, run: Json | None, path: str) -> str:
    if run is None:
        return say.missing(path)
    return say.t(
        "unit.run",
        beats=say.number(run["beats"]),
        bpm=say.number(run["bpm"]),
        at=say.moment(run["onset"]),
    )


def _ectopy(say: Say, e: Json, path: str, suffix: str) -> list[tuple[str, str]]:
    coupling = (
        say.missing(f"{path}.coupling_mean_ms")
        if e["coupling_mean_ms"] is None
        else say.t(
            "unit.sd",
            mean=say.number(e["coupling_mean_ms"]),
            sd=say.plain(e["coupling_sd_ms"], 0, f"{path}.coupling_sd_ms"),
        )
    )
    counted = ("isolated", "couplets", "triplets", "short_runs", "long_runs")
    return [
        say.row("count", say.number(e["count"])),
        say.row("burden", say.unit(e["burden_pct"], "pct", 2, f"{path}.burden_pct")),
        say.row("per_hour", say.plain(e["per_hour"], 1, f"{path}.per_hour")),
        *(say.row(name, say.number(e[name])) for name in counted),
        say.row(f"tachycardias_{suffix}", say.number(e["tachycardias"])),
        say.row("sustained", say.number(e["sustained"])),
        say.row(f"slow_runs_{suffix}", say.number(e["slow_runs"])),
        say.row("bigeminy", say.number(e["bigeminy_episodes"])),
        say.row("trigeminy", say.number(e["trigeminy_episodes"])),
        say.row("fastest", _run(say, e["fastest"], f"{path}.fastest")),
        say.row("longest", _run(say, e["longest"], f"{path}.longest")),
        say.row("max_per_hour", say.number(e["max_per_hour"])),
        say.row("max_per_minute", say.number(e["max_per_minute"])),
        say.row("coupling", coupling),
    ]


def ventricular(say: Say, r: Result) -> Section:
    """Section 4."""
    extras = r["ventricular_extras"]
    rows = _ectopy(say, r["ventricular"], "ventricular", "v")
    rows += [
        say.row(name, say.number(extras[name]))
        for name in ("morphologies", "r_on_t", "interpolated", "fusion")
    ]
    return Section(say.t("section.ventricular"), rows)


def supraventricular(say: Say, r: Result) -> Section:
    """Section 5."""
    rows = _ectopy(say, r["supraventricular"], "supraventricular", "s")
    rows.append(say.row("aberrant", say.number(r["supraventricular_extras"]["aberrant"])))
    return Section(say.t("section.supraventricular"), rows)


def fibrillation(say: Say, r: Result) -> Section:
    """Section 6."""
    af = r["af"]
    rate = (
        say.missing("af.mean_bpm")
        if af["mean_bpm"] is None
        else say.t(
            "unit.range",
            mid=say.number(af["mean_bpm"]),
            low=say.plain(af["min_bpm"]),
            high=say.unit(af["max_bpm"], "bpm"),
        )
    )
    none = say.missing("af.longest_s") if af["longest_s"] is None else ""
    return Section(
        say.t("section.af"),
        [
            say.row("af_episodes", say.number(af["episodes"])),
            say.row("af_burden", say.unit(af["burden_pct"], "pct", 2, "af.burden_pct")),
            say.row("af_longest", none or say.span(af["longest_s"])),
            say.row("af_rate", rate),
            say.row("af_first", say.moment(af["first_onset"])),
            say.row(
                "af_conversion",
                say.unit(af["conversion_pause_ms"], "ms", 0, "af.conversion_pause_ms"),
            ),
            say.row("flutter_episodes", say.number(af["flutter_episodes"])),
            say.row("flutter", say.span(af["flutter_s"])),
        ],
    )


def pauses(say: Say, r: Result) -> Section:
    """Section 7."""
    p, c = r["pauses"], r["conduction"]
    rows = [say.row("pauses", say.number(p["count"]))]
    rows += [say.row(f"bin_{name}", say.number(n)) for name, n in p["bins"].items()]
    rows += [say.row(f"af_{name}", say.number(n)) for name, n in p["in_af"].items()]
    longest = p["longest"]
    if longest is None:
        rows.append(say.row("longest_rr", say.missing("pauses.longest")))
    else:
        value = f"{say.unit(longest['rr_ms'], 'ms')} · {say.t('cause.' + longest['cause'])}"
        at = say.moment(longest["at"])
        rows.append(say.row("longest_rr", say.t("unit.at", value=value, at=at)))
    rows.append(say.row("rejected", say.number(p["artefacts_rejected"])))
    pr = (
        say.missing("conduction.pr_median_ms")
        if c["pr_median_ms"] is None
        else say.t(
            "unit.range",
            mid=say.number(c["pr_median_ms"]),
            low=say.plain(c["pr_p05_ms"]),
            high=say.unit(c["pr_p95_ms"], "ms"),
        )
    )
    sure = "" if c["possible_only"] else "_shown"
    rows += [
        say.row("pr", pr),
        say.row(
            "first_degree",
            say.unit(c["first_degree_pct"], "pct", 1, "conduction.first_degree_pct"),
        ),
        say.row(f"second_degree{sure}", say.number(c["second_degree_episodes"])),
        say.row(f"third_degree{sure}", say.number(c["third_degree_episodes"])),
        say.row("qrs", say.unit(c["qrs_median_ms"], "ms", 0, "conduction.qrs_median_ms")),
    ]
    return Section(say.t("section.pauses"), rows)


def variability(say: Say, r: Result) -> Section:
    """Sections 10 to 12; a missing part keeps one row that says why."""
    time, frequency, poincare = r["hrv_time"], r["hrv_frequency"], r["poincare"]
    rows: list[tuple[str, str]] = []
    if time is None:
        rows.append(say.row("sdnn", say.missing("hrv_time")))
    else:
        rows.append(say.row("nn", say.number(time["nn_count"])))
        for name, key in (
            ("mean_nn", "mean_nn_ms"), ("sdnn", "sdnn_ms"), ("sdann", "sdann_ms"),
            ("sdnn_index", "sdnn_index_ms"), ("rmssd", "rmssd_ms"), ("sdsd", "sdsd_ms"),
        ):  # fmt: skip
            rows.append(say.row(name, say.unit(time[key], "ms", 0, f"hrv_time.{key}")))
        rows.append(
            say.row("pnn50", say.unit(time["pnn50_pct"], "pct", 1, "hrv_time.pnn50_pct"))
        )
        rows.append(say.row("triangular", say.number(time["triangular_index"], 1)))
    if frequency is None:
        rows.append(say.row("lf", say.missing("hrv_frequency")))
    else:
        for band in ("ulf", "vlf", "lf", "hf"):
            value = say.unit(
                frequency[f"{band}_ms2"], "ms2", 0, f"hrv_frequency.{band}_ms2"
            )
            rows.append(say.row(band, value))
        rows += [
            say.row(name, say.plain(frequency[name], digits, f"hrv_frequency.{name}"))
            for name, digits in (("lf_nu", 1), ("hf_nu", 1), ("lf_hf", 2))
        ]
    rows += [
        say.row(name, say.unit(pick(poincare, f"{name}_ms"), "ms", 0, "poincare"))
        for name in ("sd1", "sd2")
    ]
    return Section(say.t("section.hrv"), rows)


def autonomic(say: Say, r: Result) -> Section:
    """Sections 13 and 14."""
    turbulence, capacity = r["turbulence"], r["capacity"]
    if turbulence is None:
        rows = [say.row("to", say.missing("turbulence"))]
    else:
        rows = [
            say.row("to", say.unit(turbulence["onset_pct"], "pct", 1)),
            say.row("ts", say.unit(turbulence["slope_ms_per_rr"], "slope", 1)),
            say.row(
                "hrt", str(turbulence["category"]), n=say.number(turbulence["beats_used"])
            ),
        ]
    if capacity is None:
        rows.append(say.row("dc", say.missing("capacity")))
    else:
        rows += [
            say.row("dc", say.unit(capacity["dc_ms"], "ms", 1)),
            say.row("ac", say.unit(capacity["ac_ms"], "ms", 1)),
            say.row("dc_risk", say.t(f"risk.{capacity['risk']}")),
        ]
    return Section(say.t("section.autonomic"), rows)


def _pulses(say: Say, p: Json) -> list[tuple[str, str]]:
    """Capture and sensing, where the recording is fast enough to show the pulses."""
    if p.get("pulses") is None:
        return [say.row("capture", say.t("reason.needs_pace_marks"))]
    sensed = say.missing("pacing.natural_before_pulse")
    if p["natural_before_pulse"]:
        sensed = say.t(
            "unit.of_beats",
            pct=say.number(p["sensed_pct"], 1),
            missed=say.number(p["not_sensed"]),
            of=say.number(p["natural_before_pulse"]),
        )
    captured = say.t(
        "unit.of_pulses",
        pct=say.number(p["captured_pct"], 1),
        missed=say.number(p["not_captured"]),
        of=say.number(p["pulses"]),
    )
    return [say.row("captured", captured), say.row("sensed", sensed)]


def pacing(say: Say, r: Result) -> Section | None:
    """Section 15, only when beats were paced."""
    p = r["pacing"]
    if not p["paced_beats"]:
        return None
    return Section(
        say.t("section.pacing"),
        [
            say.row("paced", say.number(p["paced_beats"])),
            say.row("paced_pct", say.unit(p["paced_pct"], "pct", 1)),
            say.row(
                "pace_min", say.unit(p["min_rate_bpm"], "bpm", 0, "pacing.min_rate_bpm")
            ),
            *_pulses(say, p),
        ],
    )


def _mark(say: Say, kind: str) -> str:
    """Say what was marked; a kind without words is shown as it was stored."""
    return say.t(f"mark.{kind}") if kind in {s.value for s in Symptom} else kind


def symptoms(say: Say, r: Result) -> Section | None:
    """Section 16: also the negative finding is a finding."""
    found = r["symptoms"]
    if not found:
        return None
    head = cells([say.t(f"table.{name}") for name in ("time", "mark", "rhythm", "mean")])
    rows = [
        [
            say.moment(one["at"]),
            _mark(say, one["kind"]) + (f" {one['note']}" if one["note"] else ""),
            say.t(f"rhythm.{one['rhythm']}"),
            say.unit(one["mean_bpm"], "bpm"),
        ]
        for one in found
    ]
    return Section(say.t("section.symptoms"), table=Table(head, rows))


def hourly(say: Say, r: Result) -> Section:
    """Tabulate hour by hour."""
    names = ("hour", "usable", "beats", "mean", "min", "max", "v", "s", "pauses", "af")
    rows = [
        cells(
            [
                say.moment(hour["starts"])[:5],
                say.span(hour["analysable_s"]),
                say.number(hour["beats"]),
                _dash(say, hour["mean_bpm"]),
                _dash(say, hour["min_bpm"]),
                _dash(say, hour["max_bpm"]),
                hour["v"],
                hour["s"],
                hour["pauses"],
                say.number(hour["af_s"]),
            ]
        )
        for hour in r["hourly"]
    ]
    head = [say.t(f"table.{name}") for name in names]
    return Section(say.t("section.hourly"), table=Table(head, rows))


def _dash(say: Say, value: float | None) -> str:
    return "—" if value is None else say.number(value)


def passport(say: Say, r: Result) -> Section:
    """Section 23: what made these numbers and what it cannot do."""
    p = r["passport"]
    classes = " · ".join(f"{name} {say.number(n)}" for name, n in p["by_class"].items())
    limits = "；".join if say.locale == "zh_CN" else "; ".join
    return Section(
        say.t("section.passport"),
        [
            say.row("algorithm", p["algorithm_version"]),
            say.row("edited", say.unit(p["human_edited_pct"], "pct", 1)),
            say.row("excluded", say.span(p["excluded_s"])),
            say.row("classes", classes),
            say.row("ec57", say.t("ec57_where")),
            say.row("limits", limits(say.t(f"limit.{code}") for code in p["limits"])),
        ],
    )


def all_sections(say: Say, r: Result) -> list[Section]:
    """Give the sections in their order, without those that have nothing to say."""
    makers = (
        heart_rate, ventricular, supraventricular, fibrillation, pauses, variability,
        autonomic, qt, st, rhythm, episodes, pacing, symptoms, quality, hourly, passport,
    )  # fmt: skip
    return [section for maker in makers if (section := maker(say, r)) is not None]
