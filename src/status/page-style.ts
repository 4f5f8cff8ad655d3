/** The page's only style sheet; its hash is in the Content-Security-Policy. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--ground:#f6f6f3;--card:#fff;--ink:#1d1f22;--quiet:#5a5f66;--line:#e3e3de;--track:#dfe0dc;--fresh:#1b7a4a;--due:#2460b0;--failing:#8f5400;--expired:#b3261e;--unknown:#5a5f66;--soft:#eef0ec;--focus:#2460b0}
@media (prefers-color-scheme:dark){:root{--ground:#121315;--card:#1a1c1f;--ink:#e9e9e6;--quiet:#a5abb3;--line:#2c2f34;--track:#3a3e44;--fresh:#55c78c;--due:#83b4f5;--failing:#e3ab52;--expired:#f2887f;--unknown:#a5abb3;--soft:#24272b;--focus:#83b4f5}}
*{box-sizing:border-box}
html{background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
body{max-width:82rem;margin:0 auto;padding:1.5rem 1.25rem 3rem}
h1,h2,p,ul{margin:0;padding:0}
ul{list-style:none}
a{color:inherit;text-underline-offset:.2em;text-decoration-thickness:1px}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:4px}
small{display:block;color:var(--quiet);font-size:.85rem;font-weight:400}
time,.left,.versions,.next,b,.ends{font-variant-numeric:tabular-nums}
.quiet{color:var(--quiet)}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;color:var(--quiet)}
h1{font-size:1rem;font-weight:600;color:var(--ink);flex:1 1 auto}
h1 span{font-weight:400;color:var(--quiet)}
h2{font-size:.85rem;font-weight:600;color:var(--quiet);margin:2rem 0 .6rem}
.causes h2{font-size:1.1rem;line-height:1.3;margin:0;overflow-wrap:anywhere}
code{font-size:.9em;background:var(--soft);border-radius:4px;padding:.05rem .3rem}
.leads,.stands-by{color:var(--ink);font-weight:600}
.problem{display:block;color:var(--expired)}
.headline.bad,.causes .bad h2{color:var(--expired)}.headline.warn,.causes .warn h2{color:var(--failing)}
.headline{font-size:1.7rem;line-height:1.25;font-weight:600;letter-spacing:-.015em;margin:1.6rem 0 .4rem;text-wrap:balance}
.stale{margin-top:1.6rem;color:var(--expired);font-weight:600}.stale:not([hidden])~.headline{color:var(--quiet);margin-top:.4rem}
.facts{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem}
.who{font-weight:600}.who.person{background:var(--ink);color:var(--card);border-radius:5px;padding:0 .45rem}
.causes{display:grid;gap:.6rem;margin-top:.9rem}
.causes>li{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--failing);border-radius:10px;padding:.7rem .9rem;display:grid;gap:.35rem}
.causes>li.bad{border-left-color:var(--expired)}

.message{overflow-wrap:anywhere;color:var(--quiet);font-size:.9rem}
.worst{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.9rem}.worst bdi{overflow-wrap:anywhere;font-weight:600}
.worst .expired,.worst .absent{color:var(--expired)}
.legend{color:var(--quiet);font-size:.85rem;margin:0 0 .6rem}
.live{color:var(--quiet);font-size:.9rem}
button{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.35rem .8rem;cursor:pointer}
button:hover{border-color:var(--quiet)}
.states{display:flex;flex-wrap:wrap;gap:.5rem}
.states a{display:block;padding:.3rem .8rem;border:1px solid var(--line);border-radius:99px;background:var(--card);text-decoration:none;color:var(--quiet)}
.states b{color:var(--ink)}
.states a:hover{border-color:var(--quiet)}
.states a[aria-current]{border-color:var(--ink);color:var(--ink)}
.states .expired b,.states .absent b{color:var(--expired)}
.states .failing b{color:var(--failing)}
.states .due b{color:var(--due)}
.states .fresh b{color:var(--fresh)}
.providers{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.6rem}
.providers>li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem .9rem}
.providers>li>a{font-weight:600;text-decoration:none}
.providers>li>a:hover{text-decoration:underline}
.providers .kind{color:var(--quiet);font-size:.85rem}
.tally{display:block}
.providers>.bad{border-color:var(--expired)}.providers>.warn{border-color:var(--failing)}
.code{display:block;font-weight:600}.bad .code{color:var(--expired)}.warn .code{color:var(--failing)}
.providers ul{color:var(--quiet);font-size:.85rem;margin-top:.15rem}
form{display:flex;flex-wrap:wrap;gap:.6rem;align-items:end;margin:.2rem 0 .9rem}
label{color:var(--quiet);font-size:.85rem;display:grid;gap:.15rem}
input,select{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.35rem .6rem;min-width:6rem;max-width:100%}
.grow{flex:1 1 14rem}
.table{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
table{width:100%;border-collapse:collapse}
thead th{text-align:left;font-size:.85rem;font-weight:600;color:var(--quiet);padding:.55rem .8rem;border-bottom:1px solid var(--line);white-space:nowrap}
tbody th,td{text-align:left;vertical-align:top;padding:.75rem .8rem;border-top:1px solid var(--line);font-weight:400}
tbody tr:first-child>*{border-top:0}
tbody th{font-weight:600;overflow-wrap:anywhere;width:19%;min-width:9rem}
.state{width:22%;min-width:9rem}
.badge{display:inline-flex;align-items:center;gap:.45rem;font-weight:600;white-space:nowrap}
.badge::before{content:"";width:.6rem;height:.6rem;border-radius:50%;background:currentColor}
.fresh .badge{color:var(--fresh)}.due .badge{color:var(--due)}.failing .badge{color:var(--failing)}.unknown .badge{color:var(--unknown)}
.expired .badge,.absent .badge{color:var(--expired)}
.expired .badge::before,.absent .badge::before{border-radius:1px}
.failing .badge::before{border-radius:1px;transform:rotate(45deg);width:.55rem;height:.55rem}
.unknown .badge::before{background:none;border:2px solid currentColor}
.cause{display:block;margin-top:.1rem}
tbody .why>td{border-top:0;padding-top:0}
.life-cell{width:25%;min-width:14rem}
svg{display:block;overflow:visible}
.bar{width:100%;height:20px}
.bar .life{fill:var(--fresh)}
.due .bar .life{fill:var(--due)}.failing .bar .life{fill:var(--failing)}.expired .bar .life{fill:var(--expired)}
.bar .spent{fill:var(--track)}
.expired .bar .spent{fill:var(--expired)}
.bar line.due{stroke:var(--ink);stroke-width:2}
.bar .nothing{stroke:var(--expired);stroke-width:2;stroke-dasharray:2 6;stroke-linecap:round}
.unknown .bar .nothing{stroke:var(--quiet)}
.bar .now{fill:var(--card);stroke:var(--ink);stroke-width:2.5}
.ends{display:flex;justify-content:space-between;gap:.6rem;font-size:.85rem;color:var(--quiet);white-space:nowrap}
.ends .left{color:var(--ink)}
.expired .ends .left,.absent .ends .left{color:var(--expired)}
.day-cell{width:16%}
.day{width:100%;min-width:9rem;height:20px}
.day .floor{fill:var(--line)}.day .ok{fill:var(--fresh);opacity:.75}.day .retried{fill:var(--failing)}.day .failed{fill:var(--expired)}
.next,.versions{white-space:nowrap}
.meter{width:4.5rem;height:4px;margin-top:.35rem}
.meter .whole{fill:var(--track)}.meter .used{fill:var(--quiet)}.meter .much{fill:var(--failing)}
.empty{padding:2rem;text-align:center;color:var(--quiet)}
.pager{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;padding:.9rem .2rem 0;color:var(--quiet)}
.pager span:first-child{flex:1 1 auto}
.pager a{color:var(--ink)}
footer{margin-top:2rem;color:var(--quiet);font-size:.9rem;display:grid;gap:.4rem;max-width:60rem}
@media (max-width:68rem){
body{padding:1rem .8rem 2rem}
.headline{font-size:1.35rem;margin:1.2rem 0 .8rem}
thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
table,tbody{display:block}
tbody tr{display:grid;grid-template-columns:1fr auto;gap:.5rem 1rem;padding:.9rem;border-top:1px solid var(--line)}
tbody tr:first-child{border-top:0}
tbody th,td{display:block;padding:0;border:0;min-width:0;max-width:none;width:auto}
.state{text-align:right}
.providers{grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.5rem}
.providers>li{padding:.6rem .7rem}
.failing .state,.expired .state,.absent .state{grid-column:1/-1;grid-row:2;text-align:left}
tbody .why{display:block;border-top:0;padding-top:0}
.grow{flex-basis:100%}
tbody th,.state{width:auto;min-width:0}
.life-cell,.day-cell{grid-column:1/-1;width:100%;min-width:0}
.life-cell{padding:0 5px}
.next::before,.versions::before{display:block;color:var(--quiet);font-size:.85rem;content:"Next refresh"}
.versions::before{content:"Versions"}
.versions{text-align:right}.meter{margin-left:auto}
}
@media (prefers-reduced-motion:no-preference){.bar .now,.bar .spent{transition:cx .9s linear,width .9s linear}}
@media (forced-colors:active){.bar .life{fill:CanvasText}.bar .spent{fill:GrayText}.day .ok,.day .retried,.day .failed{fill:CanvasText}.badge::before{forced-color-adjust:none}}
`;
