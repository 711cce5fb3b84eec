"""How a report looks: light or dark as its reader has it, light on paper; the looks of states are classes."""

from __future__ import annotations

from flowdag.looks.states import DARK, LIGHT, Look

BASE = """
:root{color-scheme:light dark;--ink:#1E2330;--faint:#5A6172;--line:#D9DCE5;--soft:#F5F6F9;--ground:#FFFFFF}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1224px;padding:2rem;background:var(--ground);color:var(--ink);
 font:15px/1.45 "Source Sans 3","Source Sans Pro",system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{margin:.3rem 0}.note,.facts i,th,figcaption{color:var(--faint)}.note,figcaption{font-size:.86rem}
.state{display:inline-block;border:1.5px solid;border-radius:.5rem;padding:.02rem .5rem;font-size:.86rem;
 font-weight:600;white-space:nowrap}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem 1rem;margin:.8rem 0}
.facts i{font-style:normal}.facts span{overflow-wrap:anywhere}
.fd-tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:.6rem;margin:1rem 0 0}
.fd-tiles div{display:grid;grid-template-columns:max-content minmax(0,1fr);column-gap:.7rem;align-items:center;
 border:1px solid var(--line);border-radius:.5rem;padding:.45rem .8rem}
.fd-tiles strong{grid-row:span 2;font-size:1.4rem}.fd-tiles small{color:var(--faint)}
.fd-tiles span,.fd-tiles small{overflow-wrap:anywhere;line-height:1.3}
figure{margin:0;overflow-x:auto;border:1px solid var(--line);border-radius:.5rem;padding:.5rem}
figure svg{display:block;margin:0 auto;height:auto}figure svg.fits{max-width:100%}
figcaption{margin:.4rem 0 0}
.cause{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .9rem;margin:.5rem 0}
pre{margin:.4rem 0;padding:.5rem .7rem;background:var(--soft);border-radius:.4rem;white-space:pre-wrap;
 overflow-wrap:anywhere;font-size:.85rem}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.28rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;white-space:nowrap}td{overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
.on-dark{display:none!important}
"""
IN_DARK = """:root{--ink:#E7E9F0;--faint:#A8AEBD;--line:#363B48;--soft:#1B1F29;--ground:#10131A}
.on-dark{display:block!important}.on-light{display:none!important}
"""
ON_PAPER = """@media print{body{padding:0;max-width:none;font-size:11px}
.cause,.fd-tiles div,tr,figure{break-inside:avoid}
figure{border:0;padding:0;overflow:visible}figure svg{max-width:100%}
h2{break-after:avoid}thead{display:table-header-group}}
"""


def css() -> str:
    """The whole style sheet. On paper it is light whatever the screen is."""
    dark = IN_DARK + _states(DARK)
    return f"{BASE}{_states(LIGHT)}@media screen and (prefers-color-scheme:dark){{{dark}}}\n{ON_PAPER}"


def state_class(shown: Look) -> str:
    """The class of a state's badge."""
    return f"is-{shown.word.lower().replace(' ', '-')}"


def _states(looks: dict[str, Look]) -> str:
    return "".join(
        f".{state_class(shown)}{{background:{shown.fill};color:{shown.text};border-color:{shown.border}}}\n"
        for shown in looks.values()
    )
