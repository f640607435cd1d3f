//! HL7 v2 messages, one a line as a queue holds them: segments end with a carriage return.

/// What every message begins with: header, event, patient.
pub const HEADS: &[&str] = &[
    "MSH|^~\\&|EPICADT|$svc|HUB|CARE|$hl7_time||ADT^A01^ADT_A01|$id10|P|2.5.1\rEVN|A01|$hl7_time|||$staff\rPID|1||$mrn^^^HOSP^MR~$ssn_plain^^^USSSA^SS||$family_caps^$given_caps^$middle_caps||$dob_compact|$sex|||$street_caps^^$town_caps^$state^$zip^USA||$phone_hl7|||M||$account",
    "MSH|^~\\&|REG|MAIN|ROUTER|HUB|$hl7_time||ADT^A08|$hex12|P|2.3\rEVN|A08|$hl7_time\rPID|||$mrn||$family^$given||$dob_compact|$sex||2106-3|$street^^$town^$state^$zip||$phone_plain||ENG|S|||$ssn",
    "MSH|^~\\&|LAB|$svc|EHR|CARE|$hl7_time||ORU^R01^ORU_R01|$id10|P|2.5\rPID|1|$patient_key|$mrn^^^LAB^PI||$family_caps^$given_caps||$dob_compact|$sex",
    "MSH|^~\\&|SCHED|CLINIC|PORTAL|CARE|$hl7_time||SIU^S12|$id|P|2.4\rSCH|$id^SCHED|$id^SCHED|||||$word^$dept|^^^$hl7_time^$hl7_time\rPID|1||$mrn^^^MPI||$family^$given^$middle^^Mr.||$dob_compact|$sex|||$street^^$town^$state^$zip^US^H||^PRN^PH^^^^^^^^^$phone_hl7~^NET^Internet^$email",
    "MSH|^~\\&|OE|WARD|RIS|CARE|$hl7_time||ORM^O01|$ulid|T|2.3.1\rPID|1||$mrn_digits||$family_caps^$given_caps^^^^^L||$dob_compact|$sex|||$street_caps^$unit^$town_caps^$state^$zip||$phone",
    "MSH|^~\\&|PAS|TRUST|HUB|CARE|$hl7_time||ADT^A04|$id10|P|2.5\rEVN|A04|$hl7_time\rPID|1||$mrn^^^NORTH^MRN||$family^$given^^^MS||$dob_compact|F|||$street^^$town^$state^$zip||$phone_hl7^PRN^PH^$email|||W",
    "MSH|^~\\&|IMM|CLINIC|IIS|STATE|$hl7_time||VXU^V04|$hex8|P|2.5.1\rPID|1||$mrn^^^CLINIC^MR||$family^$given^$middle^^^^L|$other_family^$other_given|$dob_compact|$sex||2028-9|$street^^$town^$state^$zip^USA^L||$phone_hl7",
    "MSH|^~\\&|BILL|CARE|FIN|CARE|$hl7_time||DFT^P03|$id10|P|2.4\rEVN|P03|$hl7_time\rPID|1||$mrn||$family_caps^$given_caps||$dob_compact|$sex|||$street_caps^^$town_caps^$state^$zip||||||$account|$ssn",
];

/// What may follow.
pub const SEGMENTS: &[&str] = &[
    "\rPV1|1|I|${ward}^$n^A||||$npi^$other_family_caps^$other_given_caps^^^DR|||CAR||||1|||||$id10",
    "\rPV1|1|O|$dept^^^CARE||||$npi^$other_family^$other_given^^^Dr.^MD||||||||||$id10|||||||||||||||||||||||||$hl7_time",
    "\rNK1|1|$other_family_caps^$other_given_caps|SPO|$street_caps^^$town_caps^$state^$zip|$phone_hl7",
    "\rNK1|1|$other_family^$other_given|MTH^Mother||$phone",
    "\rIN1|1|PPO|$id|$word HEALTH PLAN||||$id||||$hl7_day|||HMO|$family_caps^$given_caps|SELF|$dob_compact|$street_caps^^$town_caps^$state^$zip|||||||||||||||||$member",
    "\rIN1|1|MCR|MEDICARE|CMS||||||||||||$family^$given|18|$dob_compact||||||||||||||||||$mbi",
    "\rGT1|1||$other_family^$other_given||$street^^$town^$state^$zip|$phone_hl7|||M|||$ssn_plain",
    "\rOBR|1|$id10|$id|$loinc^$lab^LN|||$hl7_time|||||||||$npi^$other_family^$other_given",
    "\rOBX|1|NM|$loinc^$lab^LN||$float|mg/dL|0.0-99.9|N|||F|||$hl7_time",
    "\rOBX|2|NM|$loinc^$lab^LN||$float|mmol/L||H|||F",
    "\rOBX|3|TX|NOTE^Comment||Called to $other RN at $hour, read back.||||||F",
    "\rAL1|1|DA|$id^PENICILLIN|SV|RASH",
    "\rDG1|1|I10|$icd^$lab disorder|||A",
    "\rORC|NW|$id10|||||^^^$hl7_time||$hl7_time|$staff||$npi^$other_family^$other_given",
    "\rRXE|1^^^$hl7_time|$id^$drug|1||TAB|||||30||3|$dea",
    "\rAIS|1||$dept|$hl7_time|$n|MIN",
    "\rAIP|1||$npi^$other_family^$other_given^^^DR|ATTENDING",
    "\rNTE|1||$full called from $phone, wants results mailed to $street, $town $state $zip",
    "\rNTE|1||Patient seen in $dept; follow up in $n weeks. Device $device checked.",
    "\rFT1|1|$id||$hl7_day|$hl7_day|CG|$cpt|||1|$float",
    "\rPD1|||$clinic^^$id|$npi^$other_family^$other_given",
    "\rRXA|0|1|$hl7_day|$hl7_day|$n^influenza^CVX|0.5|mL||00|^$other_family^$other_given",
    "\rZPI|$email|$phone_e164|PORTAL|$bool",
];
