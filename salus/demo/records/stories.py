"""What happened to whom: problems, medication, what is measured, and where the values drift.

Codes: ICD-10 for problems, ATC for medication, LOINC and UCUM for measurements, CVX for vaccines.
"""

from dataclasses import dataclass

ICD10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
LOINC = "http://loinc.org"
CVX = "http://hl7.org/fhir/sid/cvx"


@dataclass(frozen=True)
class Term:
    """A coded thing with its name in English and Chinese."""

    system: str
    code: str
    name: str
    name_zh: str


@dataclass(frozen=True)
class Measurement:
    """What is measured: UCUM `unit` and how it is `shown`; `low` and `high` bound the normal range."""

    term: Term
    unit: str
    shown: str
    low: float | None
    high: float | None
    decimals: int


@dataclass(frozen=True)
class Course:
    """A measurement in one patient's life: from `first` to `last` over the history, give or take `spread`."""

    of: Measurement
    first: float
    last: float
    spread: float


@dataclass(frozen=True)
class Story:
    problems: tuple[Term, ...]
    sensitive: tuple[Term, ...]
    allergy: tuple[Term, str, str]
    medication: tuple[tuple[Term, str, str], ...]
    labs: tuple[Course, ...]
    vitals: tuple[Course, ...]
    vaccines: tuple[Term, ...]


def _lab(
    code: str,
    name: str,
    zh: str,
    unit: str,
    shown: str,
    low: float | None,
    high: float | None,
    decimals: int = 1,
) -> Measurement:
    return Measurement(Term(LOINC, code, name, zh), unit, shown, low, high, decimals)


HBA1C = _lab("4548-4", "Hemoglobin A1c", "糖化血红蛋白", "%", "%", 4.0, 6.0)
GLUCOSE = _lab("14749-6", "Glucose", "葡萄糖", "mmol/L", "mmol/L", 3.9, 6.1)
CREATININE = _lab("14682-9", "Creatinine", "肌酐", "umol/L", "µmol/L", 45, 84, 0)
POTASSIUM = _lab("2823-3", "Potassium", "钾", "mmol/L", "mmol/L", 3.5, 5.1)
SODIUM = _lab("2951-2", "Sodium", "钠", "mmol/L", "mmol/L", 136, 145, 0)
LDL = _lab("22748-8", "LDL cholesterol", "低密度脂蛋白胆固醇", "mmol/L", "mmol/L", None, 3.4)
HAEMOGLOBIN = _lab("718-7", "Hemoglobin", "血红蛋白", "g/L", "g/L", 115, 150, 0)
LEUKOCYTES = _lab("6690-2", "Leukocytes", "白细胞", "10*9/L", "10⁹/L", 3.5, 9.5)
PLATELETS = _lab("777-3", "Platelets", "血小板", "10*9/L", "10⁹/L", 125, 350, 0)
CRP = _lab("1988-5", "C-reactive protein", "C反应蛋白", "mg/L", "mg/L", None, 5.0)
NT_PROBNP = _lab("33762-6", "NT-proBNP", "N末端脑钠肽前体", "pg/mL", "pg/mL", None, 125, 0)
FERRITIN = _lab("2276-4", "Ferritin", "铁蛋白", "ng/mL", "ng/mL", 15, 150, 0)
SYSTOLIC = _lab("8480-6", "Systolic blood pressure", "收缩压", "mm[Hg]", "mmHg", 90, 140, 0)
DIASTOLIC = _lab("8462-4", "Diastolic blood pressure", "舒张压", "mm[Hg]", "mmHg", 60, 90, 0)
HEART_RATE = _lab("8867-4", "Heart rate", "心率", "/min", "/min", 60, 100, 0)
TEMPERATURE = _lab("8310-5", "Body temperature", "体温", "Cel", "°C", 36.1, 37.2)
SATURATION = _lab("59408-5", "Oxygen saturation", "血氧饱和度", "%", "%", 95, 100, 0)
WEIGHT = _lab("29463-7", "Body weight", "体重", "kg", "kg", None, None)


def _icd(code: str, name: str, zh: str) -> Term:
    return Term(ICD10, code, name, zh)


def _atc(code: str, name: str, zh: str) -> Term:
    return Term(ATC, code, name, zh)


_INFLUENZA = Term(CVX, "140", "Influenza, seasonal, injectable, preservative free", "流感疫苗")
_PNEUMOCOCCAL = Term(CVX, "33", "Pneumococcal polysaccharide vaccine, 23 valent", "23价肺炎球菌疫苗")
_TETANUS = Term(CVX, "115", "Tdap", "百白破疫苗")
_ANXIETY = _icd("F41.1", "Generalized anxiety disorder", "广泛性焦虑障碍")

STORIES = {
    "diabetes": Story(
        problems=(
            _icd("E11.9", "Type 2 diabetes mellitus without complications", "2型糖尿病"),
            _icd("I10", "Essential (primary) hypertension", "原发性高血压"),
            _icd("R91", "Abnormal findings on diagnostic imaging of lung", "肺部影像学异常(右肺结节)"),
        ),
        sensitive=(_ANXIETY,),
        allergy=(_atc("J01C", "Penicillins", "青霉素类"), "high", "Hives and swelling of the lips"),
        medication=(
            (
                _atc("A10BA02", "Metformin 500 mg tablet", "二甲双胍片 500 mg"),
                "1 tablet twice daily",
                "每日两次，每次一片",
            ),
            (
                _atc("C08CA01", "Amlodipine 5 mg tablet", "氨氯地平片 5 mg"),
                "1 tablet in the morning",
                "每日早晨一片",
            ),
            (
                _atc("C10AA05", "Atorvastatin 20 mg tablet", "阿托伐他汀片 20 mg"),
                "1 tablet at night",
                "每晚一片",
            ),
        ),
        labs=(
            Course(HBA1C, 9.1, 7.2, 0.2),
            Course(GLUCOSE, 11.2, 7.9, 0.8),
            Course(CREATININE, 71, 88, 3),
            Course(POTASSIUM, 4.2, 4.4, 0.2),
            Course(LDL, 4.1, 2.3, 0.2),
            Course(HAEMOGLOBIN, 128, 125, 4),
        ),
        vitals=(
            Course(SYSTOLIC, 158, 136, 5),
            Course(DIASTOLIC, 94, 82, 4),
            Course(HEART_RATE, 82, 76, 5),
            Course(WEIGHT, 68.5, 64.0, 0.6),
        ),
        vaccines=(_INFLUENZA, _PNEUMOCOCCAL),
    ),
    "asthma": Story(
        problems=(
            _icd("J45.9", "Asthma, unspecified", "支气管哮喘"),
            _icd("D50.9", "Iron deficiency anaemia, unspecified", "缺铁性贫血"),
        ),
        sensitive=(),
        allergy=(_atc("N02BA01", "Acetylsalicylic acid", "阿司匹林"), "high", "Bronchospasm"),
        medication=(
            (
                _atc("R03AC02", "Salbutamol 100 µg inhaler", "沙丁胺醇气雾剂 100 µg"),
                "2 puffs when needed",
                "需要时吸入两喷",
            ),
            (
                _atc("R03BA02", "Budesonide 200 µg inhaler", "布地奈德吸入剂 200 µg"),
                "1 puff twice daily",
                "每日两次，每次一吸",
            ),
            (
                _atc("B03AA07", "Ferrous sulfate 200 mg tablet", "硫酸亚铁片 200 mg"),
                "1 tablet daily",
                "每日一片",
            ),
        ),
        labs=(
            Course(HAEMOGLOBIN, 96, 121, 3),
            Course(FERRITIN, 6, 38, 3),
            Course(LEUKOCYTES, 7.1, 6.8, 0.7),
            Course(PLATELETS, 305, 268, 15),
            Course(CRP, 8.4, 2.1, 0.6),
        ),
        vitals=(
            Course(SYSTOLIC, 118, 116, 4),
            Course(DIASTOLIC, 74, 73, 3),
            Course(SATURATION, 93, 98, 0.6),
            Course(TEMPERATURE, 37.4, 36.7, 0.2),
        ),
        vaccines=(_INFLUENZA, _TETANUS),
    ),
    "heart": Story(
        problems=(
            _icd("I50.0", "Congestive heart failure", "充血性心力衰竭"),
            _icd("I48", "Atrial fibrillation and flutter", "心房颤动"),
            _icd("N18.3", "Chronic kidney disease, stage 3", "慢性肾脏病3期"),
        ),
        sensitive=(_ANXIETY,),
        allergy=(_atc("V08A", "Iodinated X-ray contrast media", "含碘造影剂"), "low", "Rash after contrast"),
        medication=(
            (
                _atc("C07AB02", "Metoprolol 47.5 mg tablet", "美托洛尔缓释片 47.5 mg"),
                "1 tablet daily",
                "每日一片",
            ),
            (
                _atc("C03CA01", "Furosemide 20 mg tablet", "呋塞米片 20 mg"),
                "1 tablet in the morning",
                "每日早晨一片",
            ),
            (
                _atc("B01AF02", "Apixaban 2.5 mg tablet", "阿哌沙班片 2.5 mg"),
                "1 tablet twice daily",
                "每日两次，每次一片",
            ),
        ),
        labs=(
            Course(NT_PROBNP, 2850, 940, 120),
            Course(CREATININE, 142, 131, 6),
            Course(POTASSIUM, 5.3, 4.6, 0.2),
            Course(SODIUM, 133, 138, 1),
            Course(HAEMOGLOBIN, 118, 122, 4),
        ),
        vitals=(
            Course(SYSTOLIC, 104, 118, 5),
            Course(DIASTOLIC, 62, 70, 4),
            Course(HEART_RATE, 112, 78, 6),
            Course(SATURATION, 91, 96, 1),
            Course(WEIGHT, 81.0, 74.5, 0.7),
        ),
        vaccines=(_INFLUENZA, _PNEUMOCOCCAL),
    ),
}
