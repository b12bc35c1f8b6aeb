//! `config …`: every key with the layer it comes from. Refuses to print a value: each is masked as a whole.

use crate::args::{Common, Config as Verb};
use crate::output::{self, Outcome, Trouble, aside};
use crate::session::{Needs, session, wanted};
use crate::verbs::secrets::all_rows;
use jiff::Timestamp;
use quarterdeck_control::config::Config;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::open::OpenError;
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::request::Request;
use serde_json::json;

/// What stands for a value. It tells neither length nor characters.
const MASK: &str = "****";

/// Carries one of them out.
pub(crate) fn run(verb: &Verb, common: &Common) -> Outcome {
    match verb {
        Verb::Show => show(common),
        Verb::Check => check(common),
    }
}

fn show(common: &Common) -> Outcome {
    let control = session(common, Needs { environment: true, ..Needs::default() })?;
    control.serve(Request::ShowConfig.into())?;
    let (mut rows, listings) = all_rows(&control, Timestamp::now());
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    for listing in &listings {
        let Some(error) = &listing.error else { continue };
        let trouble = Trouble::from(Failure::of_backend(&listing.layer, error.clone()));
        if control.mount(&listing.layer)?.required {
            return Err(trouble);
        }
        aside(&format!("WARNING: {} is left out: {}", listing.layer, trouble.text));
    }
    let order: Vec<&str> = control.mounts.iter().map(|mount| mount.layer.as_str()).collect();
    if common.json {
        output::data(&json!({
            "environment": control.config.environment.map(Environment::name),
            "files": control.config.files, "layers": order,
            "keys": rows.iter().map(|row| json!({
                "key": row.name, "value": MASK, "layer": row.layer, "shadows": row.shadows, "warnings": row.warnings,
            })).collect::<Vec<_>>(),
        }));
        return Ok(0);
    }
    let files: Vec<String> = control.config.files.iter().map(|file| file.display().to_string()).collect();
    output::text(&format!("files   {}", if files.is_empty() { "none".into() } else { files.join(", ") }));
    output::text(&format!("layers  {} (the first that holds a key wins)\n", order.join(" > ")));
    let header = ["KEY", "VALUE", "FROM", "OVERRIDES"].map(str::to_owned).to_vec();
    let cells = rows.iter().map(|row| vec![row.name.clone(), MASK.into(), row.layer.clone(), row.shadows.join(", ")]);
    output::text(&output::table(&std::iter::once(header).chain(cells).collect::<Vec<_>>()));
    for row in &rows {
        row.warnings.iter().for_each(|warning| output::text(&format!("! {}: {warning}", row.name)));
    }
    Ok(0)
}

fn check(common: &Common) -> Outcome {
    let config = Config::load(&Surroundings::of_this_process(), wanted(common)).map_err(OpenError::from)?;
    let remarks = config.remarks();
    if common.json {
        output::data(&json!({
            "valid": true, "files": config.files, "environment": config.environment.map(Environment::name),
            "warnings": config.warnings.iter().chain(remarks.iter().map(|remark| &remark.what)).collect::<Vec<_>>(),
        }));
        return Ok(0);
    }
    if config.files.is_empty() {
        output::text("no configuration file; everything is as built in. 'quarterdeck init' writes one");
    }
    config.files.iter().for_each(|file| output::text(&format!("ok  {}", file.display())));
    config.warnings.iter().for_each(|warning| output::text(&format!("!   {warning}")));
    for remark in &remarks {
        output::text(&format!("!   {}\n    next: {}", remark.what, remark.next));
    }
    Ok(0)
}
