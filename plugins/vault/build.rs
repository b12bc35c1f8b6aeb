//! Puts the plugin's manifest beside the built library. Refuses to do anything of its own.

#[path = "../build/manifest.rs"]
mod manifest;

fn main() -> std::io::Result<()> {
    manifest::beside_the_library("vault.plugin.toml")
}
