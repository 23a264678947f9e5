"""Who lives in the demo: our own invention, the same people in the tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoOrganisation:
    slug: str
    name: str
    name_zh: str
    kind: str


@dataclass(frozen=True)
class DemoPerson:
    handle: str
    name: str
    name_zh: str
    role: str
    organisation: str = ""
    title: str = ""
    language: str = "en"
    time_zone: str = "Asia/Shanghai"


@dataclass(frozen=True)
class DemoPatient:
    """`sources` are the hospitals that hold records of this patient; `seed` makes them repeatable."""

    person: DemoPerson
    custody: str
    sources: tuple[str, ...]
    seed: int


REGION = "Lakeside"
AUTHORITY = DemoOrganisation("health-authority", "Regional Health Authority", "地区卫生管理局", "regulator")
ORGANISATIONS = (
    DemoOrganisation("riverside", "Riverside General Hospital", "江滨总医院", "hospital"),
    DemoOrganisation("north-lake", "North Lake Hospital", "北湖医院", "hospital"),
    DemoOrganisation("harbour", "Harbour Community Hospital", "海港社区医院", "hospital"),
    DemoOrganisation("evergreen", "Evergreen Mutual", "常青互助保险", "insurer"),
)
# Three hospitals and the authority run one validator each.
VALIDATORS = ("riverside", "north-lake", "harbour", "health-authority")

STAFF = (
    DemoPerson("dr-okafor", "Adaeze Okafor", "奥卡福", "clinician", "north-lake", "Physician"),
    DemoPerson("dr-wang", "Wang Jun", "王军", "clinician", "riverside", "Surgeon", language="zh-hans"),
    DemoPerson("nurse-lindqvist", "Elsa Lindqvist", "林奎斯特", "clinician", "harbour", "Nurse"),
    DemoPerson("ravi-menon", "Ravi Menon", "梅农", "operator", "riverside", "Records desk"),
    DemoPerson("noor-haddad", "Noor Haddad", "哈达德", "insurer", "evergreen", "Claims reviewer"),
    DemoPerson("grace-kim", "Grace Kim", "金恩惠", "regulator", "health-authority", "Inspector"),
)

PATIENTS = (
    DemoPatient(DemoPerson("li-mei", "Li Mei", "李梅", "patient"), "self", ("riverside", "harbour"), 11),
    DemoPatient(
        DemoPerson("amina-diallo", "Amina Diallo", "阿米娜", "patient"), "custodial", ("riverside",), 12
    ),
    DemoPatient(
        DemoPerson("chen-guoqiang", "Chen Guoqiang", "陈国强", "patient", language="zh-hans"),
        "self",
        ("riverside", "north-lake"),
        13,
    ),
)
