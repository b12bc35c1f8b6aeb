//! Which layer wins, key by key, and which it overrides (R1.1). Refuses values: it merges names; the shell fetches the
//! one value that is asked for.

use std::collections::BTreeMap;

/// One layer's keys, dotted; highest layer first in the slice given to [`resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerKeys {
    /// The layer's name.
    pub layer: String,
    /// Its leaf keys, each with the backend's own name for the secret.
    pub keys: Vec<Key>,
}

/// One leaf key of a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The configuration key: `broker.password`.
    pub key: String,
    /// The backend's name for it; the same unless `[[secret]]` ties another name to the key.
    pub name: String,
}

/// A key, who wins it, and who is overridden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The configuration key.
    pub key: String,
    /// The backend's name in the winning layer.
    pub name: String,
    /// The winning layer.
    pub layer: String,
    /// The overridden layers, highest first.
    pub shadows: Vec<String>,
    /// What they hold for it, each layer with its own name.
    pub hidden: Vec<(String, String)>,
}

/// Merges layers as a deep merge would: a leaf of a higher layer overrides the same leaf below it, and also a map that
/// stands in its place below, or a leaf below that stands where the higher layer has a map.
pub fn resolve(layers: &[LayerKeys]) -> Vec<Resolved> {
    let mut winners: BTreeMap<String, Resolved> = BTreeMap::new();
    for layer in layers {
        let mut fresh = Vec::new();
        for Key { key, name } in &layer.keys {
            let above = conflicting(&winners, key);
            if above.is_empty() {
                fresh.push(Resolved {
                    key: key.clone(),
                    name: name.clone(),
                    layer: layer.layer.clone(),
                    shadows: Vec::new(),
                    hidden: Vec::new(),
                });
            }
            for winner in above {
                let Some(resolved) = winners.get_mut(&winner) else { continue };
                resolved.hidden.push((layer.layer.clone(), name.clone()));
                if !resolved.shadows.contains(&layer.layer) {
                    resolved.shadows.push(layer.layer.clone());
                }
            }
        }
        // Only now: the keys of one layer don't override one another.
        winners.extend(fresh.into_iter().map(|resolved| (resolved.key.clone(), resolved)));
    }
    winners.into_values().collect()
}

/// The winning keys that `key` can't stand beside: itself, one it lies under, those that lie under it.
fn conflicting(winners: &BTreeMap<String, Resolved>, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    if winners.contains_key(key) {
        found.push(key.to_owned());
    }
    found.extend(
        key.match_indices('.').map(|(at, _)| &key[..at]).filter(|up| winners.contains_key(*up)).map(str::to_owned),
    );
    let below = format!("{key}.");
    found.extend(winners.range(below.clone()..).map(|(k, _)| k).take_while(|k| k.starts_with(&below)).cloned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, keys: &[&str]) -> LayerKeys {
        let keys = keys.iter().map(|key| Key { key: (*key).into(), name: (*key).into() }).collect();
        LayerKeys { layer: name.into(), keys }
    }

    fn told(layers: &[LayerKeys]) -> Vec<String> {
        resolve(layers).into_iter().map(|r| format!("{} {} {}", r.key, r.layer, r.shadows.join("+"))).collect()
    }

    #[test]
    fn the_highest_layer_wins_each_key_and_names_what_it_hides() {
        let layers = [
            layer("env", &["broker.password"]),
            layer("fernet", &["broker.host", "broker.password"]),
            layer("yaml", &["broker.host", "broker.password", "data.feed"]),
        ];
        assert_eq!(told(&layers), ["broker.host fernet yaml", "broker.password env fernet+yaml", "data.feed yaml "]);
    }

    #[test]
    fn what_is_overridden_keeps_its_own_name() {
        let tied = Key { key: "broker.password".into(), name: "prod/broker#password".into() };
        let layers = [layer("env", &["broker.password"]), LayerKeys { layer: "vault".into(), keys: vec![tied] }];
        let won = resolve(&layers);
        assert_eq!(won[0].hidden, [("vault".to_owned(), "prod/broker#password".to_owned())]);
    }

    #[test]
    fn a_leaf_above_hides_a_map_below_and_the_other_way_round() {
        assert_eq!(
            told(&[layer("env", &["broker"]), layer("yaml", &["broker.host", "broker.port"])]),
            ["broker env yaml"]
        );
        assert_eq!(told(&[layer("env", &["broker.host"]), layer("yaml", &["broker"])]), ["broker.host env yaml"]);
    }

    #[test]
    fn a_key_that_only_begins_alike_is_another_key() {
        assert_eq!(told(&[layer("env", &["broker"]), layer("yaml", &["broker_2", "brokers.x"])]).len(), 3);
    }

    proptest::proptest! {
        /// No winner conflicts with another winner of a different layer, and every key given is won or shadowed.
        #[test]
        fn nothing_is_lost_and_nothing_is_won_twice(
            keys in proptest::collection::vec(proptest::collection::vec("[ab](\\.[ab]){0,2}", 0..5), 1..4)
        ) {
            let layers: Vec<LayerKeys> = keys.iter().enumerate().map(|(i, keys)| {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                layer(&format!("l{i}"), &keys)
            }).collect();
            let resolved = resolve(&layers);
            for (at, given) in layers.iter().enumerate() {
                for Key { key, .. } in &given.keys {
                    let name = &given.layer;
                    let won = resolved.iter().any(|r| &r.key == key && &r.layer == name);
                    let hidden = resolved.iter().any(|r| r.shadows.contains(name));
                    assert!(won || (at > 0 && hidden), "{key} of {name} vanished");
                }
            }
        }
    }
}
