//! Sets of roles that can be had ready-made: a file that names the parts of a topic tree, and what
//! each role may do on each part.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use sekisho_proto::statement::Grant;
use sekisho_proto::{Actions, RoleName, Timestamp};
use serde::Deserialize;

use super::Tree;
use crate::fault;

/// The template for monitoring somebody's home.
pub(super) const HOME_MONITORING: &str = "home-monitoring";
/// Every template that is built in, by name.
const BUILT_IN: [(&str, &str); 1] =
    [(HOME_MONITORING, include_str!("../../../../deploy/roles/home-monitoring.toml"))];

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// What every grant is for.
    purpose: String,
    #[serde(rename = "part")]
    parts: Vec<Part>,
    #[serde(rename = "role")]
    roles: Vec<TemplateRole>,
}

/// Topics that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    /// Below the tree, such as `alarm/#`.
    topics: String,
    #[expect(
        dead_code,
        reason = "for whoever reads the file; written down so that it must be there"
    )]
    about: String,
}

/// What one role may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateRole {
    name: String,
    #[expect(
        dead_code,
        reason = "for whoever reads the file; written down so that it must be there"
    )]
    about: String,
    may: Vec<Right>,
}

/// Actions on some parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Right {
    parts: Vec<String>,
    actions: String,
}

impl Template {
    /// The text of one that is built in.
    pub(super) fn text(name: &str) -> Result<&'static str> {
        let found = BUILT_IN.iter().find(|(known, _text)| *known == name);
        found.map(|(_name, text)| *text).ok_or_else(|| {
            let known: Vec<&str> = BUILT_IN.iter().map(|(known, _text)| *known).collect();
            fault::usage(format!("template: wanted {}, found {name}", known.join(" or ")))
        })
    }

    /// One that is built in, or in a file.
    pub(super) fn load(name: &str) -> Result<Self> {
        if let Some((_name, text)) = BUILT_IN.iter().find(|(known, _text)| *known == name) {
            return Self::parse(text).with_context(|| format!("template {name}"));
        }
        let path = Path::new(name);
        if !path.exists() {
            Self::text(name)?;
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: read"))?;
        Self::parse(&text).with_context(|| name.to_owned())
    }

    fn parse(text: &str) -> Result<Self> {
        let template: Self = toml::from_str(text)?;
        ensure!(!template.roles.is_empty(), "role: wanted one at least, found none");
        Ok(template)
    }

    /// What has to be granted for it.
    pub(super) fn grants(&self, tree: &Tree, prefix: &str, now: Timestamp) -> Result<Vec<Grant>> {
        let organisation = tree.filter().organisation();
        let mut grants = Vec::new();
        for role in &self.roles {
            let name = match prefix {
                "" => role.name.clone(),
                prefix => format!("{prefix}.{}", role.name),
            };
            let name = RoleName::new(&name, organisation)
                .map_err(|error| fault::usage(error.to_string()))?;
            for right in &role.may {
                let actions: Actions =
                    right.actions.parse().with_context(|| format!("role {}", role.name))?;
                for part in &right.parts {
                    grants.push(Grant {
                        organisation: organisation.clone(),
                        grantee: name.clone().into(),
                        actions,
                        filter: tree.part(self.topics_of(&role.name, part)?)?,
                        purpose: self.purpose.clone(),
                        issued: now,
                        from: now,
                        until: None,
                        history_from: None,
                        onward: false,
                        rate_per_s: None,
                    });
                }
            }
        }
        Ok(grants)
    }

    fn topics_of(&self, role: &str, part: &str) -> Result<&str> {
        let Some(found) = self.parts.iter().find(|known| known.name == part) else {
            bail!("role {role}: wanted one of the parts, found {part}")
        };
        Ok(&found.topics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        "fujisawa/home/12".parse().unwrap()
    }

    #[test]
    fn the_templates_that_are_built_in_can_be_applied() {
        for (name, _text) in BUILT_IN {
            let grants = Template::load(name).unwrap().grants(&tree(), "", Timestamp::EPOCH);
            assert!(grants.unwrap().iter().all(|grant| tree().filter().contains(&grant.filter)));
        }
    }

    #[test]
    fn roles_of_another_place_can_have_names_of_their_own() {
        let template = Template::load(HOME_MONITORING).unwrap();
        let grants = template.grants(&tree(), "home-12", Timestamp::EPOCH).unwrap();
        let names: Vec<String> = grants.iter().map(|grant| grant.grantee.to_string()).collect();
        assert!(names.contains(&"role/home-12.family@fujisawa".to_owned()), "{names:?}");
        assert!(template.grants(&tree(), "home/12", Timestamp::EPOCH).is_err());
    }

    #[test]
    fn what_a_file_says_wrong_is_named() {
        let part = "[[part]]\nname = \"alarm\"\ntopics = \"alarm/#\"\nabout = \"\"\n";
        let role = |may: &str| {
            format!(
                "purpose = \"\"\n{part}[[role]]\nname = \"family\"\nabout = \"\"\nmay = [{may}]\n"
            )
        };
        let fault = |text: &str| {
            let template =
                Template::parse(text).and_then(|one| one.grants(&tree(), "", Timestamp::EPOCH));
            format!("{:#}", template.unwrap_err())
        };
        let unknown = role("{ parts = [\"door\"], actions = \"subscribe\" }");
        assert!(fault(&unknown).contains("role family: wanted one of the parts, found door"));
        let wrong = role("{ parts = [\"alarm\"], actions = \"see\" }");
        assert!(fault(&wrong).contains("role family") && fault(&wrong).contains("see"));
        assert!(fault("purpose = \"\"\nparts = 1\n").contains("parts"));
        assert!(Template::load("park").unwrap_err().to_string().contains("home-monitoring"));
    }
}
