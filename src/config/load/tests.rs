//! Files, variables and flags, and what is said about wrong ones.

use super::*;
use crate::config::ANNOTATED_DEFAULT;
use crate::config::explain::keys;

fn read(
    text: &str,
    place: &str,
    environment: &[(String, String)],
    set: &[String],
) -> Result<Config, ConfigError> {
    super::read(text, place, environment, set, &Folders::default())
}

fn fails(text: &str, set: &[&str]) -> String {
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    read(text, "f.toml", &[], &set).unwrap_err().to_string()
}

#[test]
fn the_annotated_default_is_the_default() {
    assert_eq!(
        read(ANNOTATED_DEFAULT, "", &[], &[]).unwrap(),
        Config::default()
    );
}

#[test]
fn the_annotated_default_names_every_key() {
    let parsed: Table = toml::from_str(ANNOTATED_DEFAULT).unwrap();
    let (mut there, mut known) = (Vec::new(), Vec::new());
    keys(&parsed, "", &mut there);
    keys(&schema(), "", &mut known);
    there.sort();
    known.sort();
    assert_eq!(there, known);
}

#[test]
fn a_name_that_is_given_to_the_program_is_known_as_that() {
    let given = |environment: &[(String, String)], set: &[String]| {
        let config = read("name = \"Anna\"", "f.toml", environment, set);
        config.unwrap().name_given
    };
    assert!(!given(&[], &[]));
    assert!(given(&[], &["name=Samantha".into()]));
    assert!(given(&[("HEARKEN_NAME".into(), "Samantha".into())], &[]));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let said = fails("\n[listen]\nhangver_ms = 3\n", &[]);
    assert_eq!(
        said,
        "f.toml line 3: there is no key \"listen.hangver_ms\"; the nearest is \"listen.hangover_ms\""
    );
    assert!(fails("[reply.server]\nkey = \"x\"\n", &[]).contains("\"reply.server.key_env\""));
    let said = fails("[memory]\nnonsense = 1\n", &[]);
    assert!(!said.contains("nearest"), "{said}");
    let said = fails("", &["memory.file=a.db", "name=the"]);
    assert!(said.starts_with("--set name: name"), "{said}");
    assert!(fails("[lisen]\n", &[]).contains("the nearest is \"listen\""));
    assert!(fails("hangover_ms = 3\n", &[]).contains("\"listen.hangover_ms\""));
    let said = fails("[weather]\n", &[]);
    assert!(
        !said.contains("nearest") && said.contains("hearken config --default"),
        "{said}"
    );
}

#[test]
fn a_wrong_type_is_refused_with_its_line() {
    let said = fails("[listen]\nhangover_ms = \"long\"\n", &[]);
    assert_eq!(
        said,
        "f.toml line 2: listen.hangover_ms wants a whole number, without quotes"
    );
    for (text, wanted) in [
        ("name = 5", "name wants text in quotes"),
        ("[echo]\ncancellation = \"yes\"", "true or false"),
        ("[listen]\nlanguages = \"en\"", "a list of texts"),
        ("[listen]\nlanguages = [1]", "a list of texts"),
        ("listen = true", "listen wants a section"),
        ("[listen]\nvad_threshold = \"0.5\"", "a number, without"),
        ("[audio]\nvolume_percent = -5", "-5 is too small"),
        (
            "[reply]\nbackend = \"cloud\"",
            "line 2: `cloud` is none of the values here, which are `embedded` or `server`",
        ),
        (
            "[barge_in]\npolicy = \"on\"",
            "are `auto`, `off`, `name`, `speech`",
        ),
    ] {
        let said = fails(text, &[]);
        assert!(said.contains(wanted), "{text}: {said}");
    }
    assert!(
        read(
            "[listen]\nvad_threshold = 0.5\nlogprob_floor = -1",
            "",
            &[],
            &[]
        )
        .is_ok()
    );
    let said = fails("", &["reply.backend=cloud"]);
    assert!(said.contains("`embedded` or `server`"), "{said}");
    assert!(fails("[listen\n", &[]).contains("f.toml line 1"));
}

#[test]
fn a_path_of_the_file_begins_there_and_one_of_a_flag_here() {
    let folders = Folders {
        file: Some(Path::new("/etc/hearken")),
        here: Some(Path::new("/home/ann/models")),
        home: Some("/home/ann".into()),
    };
    let set = ["reply.model=own/big.gguf".to_owned()];
    let text = "[memory]\nfile = \"talk.db\"\n[speak]\nvoice = \"~/voices/own.onnx\"\n";
    let config = super::read(text, "", &[], &set, &folders).unwrap();
    assert_eq!(config.memory.file, Path::new("/etc/hearken/talk.db"));
    assert_eq!(config.speak.voice, "/home/ann/voices/own.onnx");
    assert_eq!(config.reply.model, "/home/ann/models/own/big.gguf");
}

#[test]
fn every_key_of_a_path_is_a_key() {
    let mut table = schema();
    for key in paths::keys() {
        assert!(
            at_key(&mut table, key).is_some_and(|value| value.is_str()),
            "{key}"
        );
    }
}

#[test]
fn an_assignment_means_the_same_anywhere() {
    let here = std::env::current_dir().unwrap();
    let model = here.join("own.gguf");
    assert_eq!(
        anywhere("reply.model = ./own.gguf"),
        format!("reply.model={}", model.display())
    );
    assert_eq!(
        anywhere("reply.model=smollm2-135m"),
        "reply.model=smollm2-135m"
    );
    assert_eq!(anywhere("nonsense"), "nonsense");
}

#[test]
fn values_out_of_range_are_refused() {
    assert!(fails("[audio]\nvolume_percent = 900\n", &[]).contains("audio.volume_percent"));
    assert!(fails("[listen]\nvad_threshold = nan\n", &[]).contains("listen.vad_threshold"));
}

#[test]
fn flags_beat_the_environment_and_that_beats_the_file() {
    let text = "[listen]\nhangover_ms = 700\nonset_ms = 100\npre_roll_ms = 300\n";
    let environment = [
        ("HEARKEN_LISTEN__HANGOVER_MS".to_owned(), "800".to_owned()),
        ("HEARKEN_LISTEN__ONSET_MS".to_owned(), "120".to_owned()),
        ("HEARKEN_CONFIG".to_owned(), "elsewhere".to_owned()),
        ("HOME".to_owned(), "/".to_owned()),
    ];
    let set = [
        "listen.hangover_ms=900".to_owned(),
        "listen.languages=de, fr".to_owned(),
    ];
    let config = read(text, "f.toml", &environment, &set).unwrap();
    assert_eq!(config.listen.hangover_ms, 900);
    assert_eq!(config.listen.onset_ms, 120);
    assert_eq!(config.listen.pre_roll_ms, 300);
    assert_eq!(config.listen.languages, ["de", "fr"]);
    let languages = |text: &str| read("", "", &[], &[format!("listen.languages={text}")]).unwrap();
    assert_eq!(languages("[]").listen.languages, Vec::<String>::new());
    assert_eq!(languages("[\"de\", 'fr']").listen.languages, ["de", "fr"]);
}

#[test]
fn keys_that_only_make_sense_together_come_in_any_order() {
    let set = [
        "reply.backend=server",
        "reply.server.url=http://127.0.0.1:1/v1",
    ]
    .map(String::from);
    assert!(read("", "", &[], &set).is_ok());
    assert!(fails("", &["reply.backend=server"]).contains("reply.server.url"));
    let text = "[reply]\nbackend = \"server\"\n";
    assert!(read(text, "f.toml", &[], &set[1..]).is_ok());
    assert!(fails(text, &[]).starts_with("f.toml line 2: reply.backend"));
    let text = "[reply]\nbackend = \"server\"\nserver.url = \"http://127.0.0.1:1/v1\"\n";
    let said = fails(text, &["reply.server.url=", "speak.rate_percent=90"]);
    let places = "f.toml line 2, --set reply.server.url: ";
    assert!(said.starts_with(places), "{said}");
}

#[test]
fn the_variable_that_holds_the_key_is_no_key_of_the_configuration() {
    let environment = [("HEARKEN_API_KEY".to_owned(), "secret".to_owned())];
    let text = "[reply.server]\nkey_env = \"HEARKEN_API_KEY\"\n";
    assert!(read(text, "", &environment, &[]).is_ok());
    let set = ["reply.server.key_env=HEARKEN_API_KEY".to_owned()];
    assert!(read("", "", &environment, &set).is_ok());
    assert!(read("", "", &environment, &[]).is_err());
}

#[test]
fn wrong_flags_and_variables_say_which() {
    let text = "[listen]\nonset_ms = 64\nvad_threshold = 2\nlanguage = \"xx\"\n";
    let said = fails(text, &["speak.rate_percent=90"]);
    assert!(
        said.starts_with("f.toml line 3: listen.vad_threshold"),
        "{said}"
    );
    let set = ["listen.vad_threshold=0.5", "speak.rate_percent=90"];
    let said = fails(text, &set);
    assert!(said.starts_with("f.toml line 4: listen.language"), "{said}");
    let said = fails(text, &["listen.vad_threshold=3"]);
    assert!(said.starts_with("--set listen.vad_threshold: "), "{said}");
    assert!(fails("", &["listen.hangover_ms"]).contains("KEY=VALUE"));
    assert!(fails("", &["listen.hangover_ms=x"]).contains("not a whole number"));
    assert!(fails("", &["listen.hangovr_ms=1"]).contains("hangover_ms"));
    assert!(fails("", &["reply.modle=x"]).contains("\"reply.model\""));
    assert!(fails("", &["listen=1"]).contains("is a section"));
    let environment = [("HEARKEN_LISTEN_HANGOVER".to_owned(), "1".to_owned())];
    let said = read("", "f.toml", &environment, &[])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("HEARKEN_LISTEN_HANGOVER: there is no key"),
        "{said}"
    );
}
