//! `[[servers.turn]]`: a TURN server.
use super::key::{Key, Section, Visitor};
use super::kind::{File, FromText};
use super::places::Places;
use super::secret::{Hidden, SecretError, SecretSource};
use super::value::Maybe;
use handclasp::ice::TurnServer;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A TURN server. In a configuration that was read, it has its URI, a user and one place of its password.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// Where it is, with the user if the URI has one.
    pub uri: Option<TurnServer>,
    /// Its user, unless the URI has one.
    pub user: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The variable with the password.
    pub password_env: Option<String>,
    /// The password itself.
    pub password: Option<Hidden>,
}

const URI: FromText<TurnServer> = FromText {
    takes: "the URI of a TURN server, such as \"turn:relay.example.org\", with ?transport=tcp behind it, or turns: for TLS",
    // Its text may hold a password: no sentence has it.
    parse: |text| match text.parse::<TurnServer>() {
        Ok(server) if !server.password.is_empty() => Err(Some(
            "a URI is shown where others see it: give the password by `password-file`".to_owned(),
        )),
        Ok(server) => Ok(server),
        Err(error) => Err(Some(format!(
            "this is no URI of a TURN server ({error}): write it as turn:HOST, turn:HOST:PORT?transport=tcp or turns:HOST"
        ))),
    },
    write: |server| match server.username.is_empty() {
        true => server.to_string(),
        false => server
            .to_string()
            .replacen(':', &format!(":{}@", server.username), 1),
    },
};

const USER: FromText<String> = FromText {
    takes: "1 to 508 bytes of text",
    parse: |text| {
        let fits = (1..=508).contains(&text.len());
        fits.then(|| text.to_owned()).ok_or(None)
    },
    write: Clone::clone,
};

/// The name of a variable of the environment.
pub(super) const VARIABLE: FromText<String> = FromText {
    takes: "the name of a variable of the environment, such as \"TURN_PASSWORD\"",
    parse: |text| {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = (1..=255).contains(&text.len())
            && text.chars().all(letters)
            && !text.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| text.to_owned()).ok_or(None)
    },
    write: Clone::clone,
};

const PASSWORD: FromText<Hidden> = FromText {
    takes: "text",
    parse: |text| match text.is_empty() {
        true => Err(Some(
            "the password is empty: give it by `password-file`".to_owned(),
        )),
        false => Ok(Hidden(Zeroizing::new(text.to_owned()))),
    },
    write: |Hidden(text)| text.to_string(),
};

impl Turn {
    /// Where its password is.
    pub fn password_source(&self) -> Option<SecretSource> {
        let file = self.password_file.clone().map(SecretSource::File);
        let env = || self.password_env.clone().map(SecretSource::Env);
        let text = || self.password.clone().map(SecretSource::Text);
        file.or_else(env).or_else(text)
    }

    /// The server with its user and password, which is read now.
    ///
    /// # Errors
    /// The password cannot be had.
    pub fn server(&self) -> Result<Option<TurnServer>, SecretError> {
        let (Some(mut server), Some(password)) = (self.uri.clone(), self.password_source()) else {
            return Ok(None); // no such one is read from a file
        };
        if let Some(user) = &self.user {
            server.username.clone_from(user);
        }
        let password = password.read()?;
        server.password = Zeroizing::new(password.lines().next().unwrap_or_default().to_owned());
        match server.password.is_empty() {
            true => Err(SecretError::Short {
                what: format!("the password of {server}"),
                least: 1,
            }),
            false => Ok(Some(server)),
        }
    }
}

impl Section for Turn {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new(
                "uri",
                "Where the server is (RFC 7065). The user may stand in it: turn:USER@HOST.",
            )
            .example("\"turn:relay.example.org\""),
            &mut Maybe(URI, &mut self.uri),
        );
        visitor.key(
            Key::new("user", "The user, unless the URI has one.").example("\"handclasp\""),
            &mut Maybe(USER, &mut self.user),
        );
        visitor.key(
            Key::new(
                "password-file",
                "The file whose first line is the password.",
            )
            .example("\"turn-password\""),
            &mut Maybe(File, &mut self.password_file),
        );
        visitor.key(
            Key::new("password-env", "The variable of the environment that is the password, in place of `password-file`.")
                .example("\"TURN_PASSWORD\""),
            &mut Maybe(VARIABLE, &mut self.password_env),
        );
        visitor.key(
            Key::new("password", "The password itself, in place of `password-file`. Then nobody else should be able to read this file.")
                .example("\"…\""),
            &mut Maybe(PASSWORD, &mut self.password),
        );
    }

    fn rules(&self, places: &mut Places) {
        if !places.is_given("uri") {
            places.lacking("the server has no URI: add uri = \"turn:HOST\"");
        }
        let is_in_uri = self
            .uri
            .as_ref()
            .is_some_and(|uri| !uri.username.is_empty());
        match (is_in_uri, places.is_given("user")) {
            (true, true) => {
                places.wrong("user", "the URI has a user already: remove one of the two")
            }
            (false, false) if self.uri.is_some() => {
                places.lacking("the server has no user: add user = \"NAME\"")
            }
            _ => {}
        }
        let sources = ["password-file", "password-env", "password"];
        let mut given = sources.into_iter().filter(|key| places.is_given(key));
        match (given.next(), given.next()) {
            (None, _) => places.lacking("the server has no password: add password-file = \"FILE\""),
            (Some(first), Some(second)) => {
                places.wrong(
                    second,
                    format!("the password is given by `{first}` already: remove one of the two"),
                );
            }
            (Some(_), None) => {}
        }
    }
}
