"""Mistakes on the command line, three of each command, as people make them."""

# What is typed after the name of the command, and what the sentence that answers it must hold.
MISTAKES = {
    "export": [
        (["--image", "scan", "--treshold", "300", "--output", "o"], "no option --treshold. Did you mean --threshold?"),
        (["--image", "scan", "--threshold", "bone", "--output", "o"], "--threshold: 'bone' is not a threshold; write"),
        (["--image", "a", "--image", "b", "--threshold", "300", "--output", "o"], "--image may be given once"),
    ],
    "encapsulate": [
        (["part.stl", "--output", "o"], "Missing: --image"),
        (["part.stl", "--image", "scan", "--unit", "inch", "--output", "o"], "--unit: 'inch' is none of um, mm, cm, m"),
        (["part.stl", "--image", "scan", "--model-color", "red", "--output", "o"], "'red' is not a color; write it as"),
    ],
    "inspect": [
        ([], "Missing: FILE"),
        (["nowhere.dcm"], "'nowhere.dcm' cannot be read: No such file"),
        (["part.stl"], "is not a DICOM file"),
    ],
    "extract": [
        (["jaw.dcm"], "Missing: --output"),
        (["part.stl", "--output", "o.stl"], "is not a DICOM file"),
        (["nowhere.dcm", "--output", "o.stl"], "'nowhere.dcm' cannot be read: No such file"),
    ],
    "validate": [
        (["--output", "o"], "Say what to validate: --image DIR|FILE, --mesh FILE, or both."),
        (["--mesh", "part.stl", "--profil", "implant", "--output", "o"], "Did you mean --profile?"),
        (["--mesh", "part.stl", "--profile", "implnt", "--output", "o"], "implnt"),
    ],
    "run": [
        (["--image", "scan", "--output", "o"], "Say what to model: --segmentation FILE, or --threshold LOW[:HIGH]."),
        (["--image", "scan", "--threshold", "300", "--segmentation", "x", "--output", "o"], "not both"),
        (["--image", "scan", "--threshold", "300", "--mesh", "part.stl", "--output", "o"], "no option --mesh"),
    ],
    "report": [
        ([], "Missing: REPORT"),
        (["nowhere.json"], "nowhere.json"),
        (["nowhere.json", "--formats", "docx"], "docx"),
    ],
    "profiles": [
        (["implnt"], "implnt"),
        (["implant", "education"], "'education' is one argument too many"),
        (["--list"], "Did you mean --list-requirements?"),
    ],
    "compare": [
        (["part.stl"], "Missing: B"),
        (["part.stl", "part.stl", "--tolerance", "0"], "--tolerance must be above 0 mm"),
        (["part.stl", "nowhere.stl"], "nowhere.stl' does not exist"),
    ],
    "repair": [
        (["part.stl", "--output", "o.stl"], "Say what to repair: --remove-useless"),
        (["part.stl", "--reorient", "--output", "part.stl"], "Input and output are the same file"),
        (["part.stl", "--fill-holes", "-3", "--output", "o.stl"], "--fill-holes must be a positive number"),
    ],
    "case": [
        (["opn", "x"], "There is no command 'opn'. Did you mean open?"),
        (["open", "x", "--order", "1"], "Missing: --requirement"),
        (["show", "nowhere"], "'nowhere' is no case: it has no case.jsonl"),
    ],
    "demo": [
        (["somewhere"], "'somewhere' is one argument too many"),
        (["--outptu", "x"], "Did you mean --output?"),
        (["--output", "part.stl"], "part.stl"),
    ],
    "config": [
        (["--sow"], "Did you mean --show?"),
        (["--config", "nowhere.toml"], "The settings file 'nowhere.toml' cannot be read"),
        (["profile"], "'profile' is one argument too many"),
    ],
    "completion": [
        ([], "Missing: SHELL"),
        (["csh"], "'csh' is none of bash, zsh, fish"),
        (["bash", "zsh"], "'zsh' is one argument too many"),
    ],
    "batch": [
        ([], "Missing: CASES.csv|json, --output"),
        (["nowhere.csv", "--output", "o"], "There is no table 'nowhere.csv'"),
        (["nowhere.csv", "--output", "o", "--worker", "2"], "Did you mean --workers?"),
    ],
    "query": [
        ([], "Say what is looked for: --patient ID"),
        (["--dicomweb", "http://me:secret@127.0.0.1:9", "--patient", "P"], "holds a user name or password"),
        (["--dimse", "nothing", "--patient", "P"], "'nothing' is not the address of a DIMSE server"),
    ],
    "fetch": [
        (["--dicomweb", "http://127.0.0.1:9", "--output", "o"], "Say what is to be fetched: --study UID"),
        (["--dimse", "A@b:1", "--study", "1.2.x", "--output", "o"], "'1.2.x' is no UID"),
        (["--study", "1.2.3", "--output", "o"], "Say which PACS is meant"),
    ],
    "send": [
        ([], "Missing: PATH"),
        (["part.stl"], "Say which PACS is meant"),
        (["nowhere.dcm", "--dimse", "A@127.0.0.1:9"], "'nowhere.dcm' does not exist"),
    ],
    "package": [
        (["part.stl", "--output", "o.zip"], "Say with --pseudonym ID who stands in for the patient"),
        (["nowhere", "--output", "o.zip", "--pseudonym", "X"], "'nowhere' does not exist"),
        (["part.stl", "--output", "o.zip", "--pseudonym", "X", "--sign", "no.pem"], "no.pem"),
    ],
    "verify": [
        ([], "Missing: "),
        (["nowhere.zip"], "'nowhere.zip' does not exist"),
        (["part.stl", "--trust", "no.pem"], "no.pem"),
    ],
    "unpack": [
        (["nowhere.zip"], "Missing: --output"),
        (["nowhere.zip", "--output", "o"], "'nowhere.zip' does not exist"),
        (["part.stl", "--output", "o"], "its ZIP directory cannot be read"),
    ],
    "help": [
        (["export", "run"], "'run' is one argument too many"),
        (["exprt"], "Did you mean export?"),
        (["--al"], "no option --al"),
    ],
}
