"""The words of the consent text, per language. Changing one changes what is signed: add a vector."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language: templates with {0}, {1}.. and names for codes; a code without one is shown as it is."""

    offset_hours: int
    comma: str
    person: str
    organisation: str
    purpose: str
    types: str
    dates: Mapping[tuple[bool, bool], str]
    time: str
    opens_any: str
    opens_once: str
    opens_many: str
    confidentiality: Mapping[str, str]
    copies: Mapping[str, str]
    delegate: str
    stop: str
    purposes: Mapping[str, str]
    roles: Mapping[str, str]
    relations: Mapping[str, str]
    type_names: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]

    def amount(self, unit: str, count: int) -> str:
        return self.units[unit][count != 1].format(count)


_EN = Words(
    offset_hours=0,
    comma=", ",
    person="{0} ({1}), {2}, may see {3} of my records.",
    organisation="{0} may see {1} of my records.",
    purpose="Why: {0}.",
    types="What: {0}.",
    dates={
        (False, False): "Dates: all.",
        (True, False): "Dates: from {0}, and records without a date.",
        (False, True): "Dates: until {1}, and records without a date.",
        (True, True): "Dates: from {0} to {1}, and records without a date.",
    },
    time="When: from {0} until {1} UTC ({2}).",
    opens_any="How often: as often as needed in that time.",
    opens_once="How often: once.",
    opens_many="How often: at most {0} times.",
    confidentiality={
        "N": "Sensitive records: none.",
        "R": "Sensitive records: restricted ones, too.",
        "V": "Sensitive records: restricted and very restricted ones, too.",
    },
    copies={
        "view": "Copies: none may be kept after {0} UTC.",
        "store": "Copies: may be kept; they must be erased by {0} UTC.",
    },
    delegate="Agreed for me by {0} ({1}).",
    stop="I can stop this at any time. What was read until then cannot be unread.",
    purposes={
        "TREAT": "treatment",
        "ETREAT": "emergency treatment",
        "CAREMGT": "coordination of my care",
        "HPAYMT": "payment of a claim",
        "COVERAGE": "insurance cover",
        "HOPERAT": "running the hospital",
        "HRESCH": "research",
        "PUBHLTH": "public health",
        "PATRQT": "my own request",
    },
    roles={
        "clinician": "clinician",
        "physician": "doctor",
        "doctor": "doctor",
        "nurse": "nurse",
        "pharmacist": "pharmacist",
        "insurer": "insurer",
    },
    relations={
        "parent": "parent",
        "guardian": "guardian",
        "spouse": "spouse",
        "child": "grown-up child",
        "attorney": "holder of a power of attorney",
    },
    type_names={
        "AllergyIntolerance": "allergies",
        "CarePlan": "care plans",
        "Claim": "insurance claims",
        "Condition": "problems and diagnoses",
        "Coverage": "insurance cover",
        "DiagnosticReport": "reports of tests",
        "DocumentReference": "documents",
        "Encounter": "visits and stays",
        "ExplanationOfBenefit": "insurance statements",
        "FamilyMemberHistory": "family history",
        "ImagingStudy": "images (CT, MR, X-ray)",
        "Immunization": "vaccinations",
        "MedicationAdministration": "medicines given",
        "MedicationRequest": "prescriptions",
        "MedicationStatement": "medicines taken",
        "Observation": "measurements and test results",
        "Patient": "name and personal details",
        "Procedure": "procedures and operations",
        "ServiceRequest": "referrals and orders",
    },
    units={
        "day": ("{0} day", "{0} days"),
        "hour": ("{0} hour", "{0} hours"),
        "minute": ("{0} minute", "{0} minutes"),
    },
)

_ZH_HANS = Words(
    offset_hours=8,
    comma="、",
    person="允许{2}的{0}（{1}）查看我的{3}份病历。",
    organisation="允许{0}查看我的{1}份病历。",
    purpose="用途：{0}。",
    types="内容：{0}。",
    dates={
        (False, False): "日期范围：全部。",
        (True, False): "日期范围：{0}起，以及没有日期的记录。",
        (False, True): "日期范围：截至{1}，以及没有日期的记录。",
        (True, True): "日期范围：{0}至{1}，以及没有日期的记录。",
    },
    time="有效时间：北京时间{0}至{1}（{2}）。",
    opens_any="次数：在此期间不限次数。",
    opens_once="次数：一次。",
    opens_many="次数：最多{0}次。",
    confidentiality={
        "N": "敏感记录：不包括。",
        "R": "敏感记录：包括受限记录。",
        "V": "敏感记录：包括受限和高度受限记录。",
    },
    copies={
        "view": "副本：北京时间{0}之后不得保留。",
        "store": "副本：可以保存，须在北京时间{0}之前删除。",
    },
    delegate="由{0}（{1}）代我同意。",
    stop="我可以随时停止授权。停止之前已被查看的内容无法收回。",
    purposes={
        "TREAT": "治疗",
        "ETREAT": "急救治疗",
        "CAREMGT": "照护协调",
        "HPAYMT": "理赔支付",
        "COVERAGE": "保险承保",
        "HOPERAT": "医院运营",
        "HRESCH": "科学研究",
        "PUBHLTH": "公共卫生",
        "PATRQT": "本人要求",
    },
    roles={
        "clinician": "临床医务人员",
        "physician": "医生",
        "doctor": "医生",
        "nurse": "护士",
        "pharmacist": "药师",
        "insurer": "保险公司",
    },
    relations={
        "parent": "父母",
        "guardian": "监护人",
        "spouse": "配偶",
        "child": "成年子女",
        "attorney": "受托代理人",
    },
    type_names={
        "AllergyIntolerance": "过敏史",
        "CarePlan": "照护计划",
        "Claim": "理赔申请",
        "Condition": "病情与诊断",
        "Coverage": "保险保障",
        "DiagnosticReport": "检查报告",
        "DocumentReference": "文书",
        "Encounter": "就诊与住院",
        "ExplanationOfBenefit": "理赔说明",
        "FamilyMemberHistory": "家族史",
        "ImagingStudy": "影像（CT、磁共振、X线）",
        "Immunization": "疫苗接种",
        "MedicationAdministration": "给药记录",
        "MedicationRequest": "处方",
        "MedicationStatement": "用药情况",
        "Observation": "测量与检验结果",
        "Patient": "姓名与个人信息",
        "Procedure": "操作与手术",
        "ServiceRequest": "转诊与医嘱",
    },
    units={"day": ("{0}天",) * 2, "hour": ("{0}小时",) * 2, "minute": ("{0}分钟",) * 2},
)

WORDS: Mapping[str, Words] = {"en": _EN, "zh-Hans": _ZH_HANS}
