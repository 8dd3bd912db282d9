//! What verifying a signature costs by itself: the work of a new token that nobody can leave out.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use data_encoding::BASE64URL_NOPAD;
use daypass_federation::oidc::Algorithm;
use daypass_federation::testing::SigningKey;
use nix::time::{ClockId, clock_gettime};

use crate::figures::Spread;

/// How many signatures take turns: the work depends a little on each.
const SIGNATURES: usize = 32;
/// How often each is verified in a round.
const TIMES: u32 = 8;
/// As long as what is signed in a token.
const SIGNED: usize = 700;

/// Microseconds of CPU time for one signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifications {
    pub(crate) rsa2048_us: Spread,
    pub(crate) p256_us: Spread,
}

/// The rounds so far.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    rsa2048_us: Vec<f64>,
    p256_us: Vec<f64>,
}

impl Rounds {
    /// Measures a round.
    pub(crate) fn add(&mut self, verifier: &Verifier) -> anyhow::Result<()> {
        self.rsa2048_us.push(verifier.rsa2048.microseconds()?);
        self.p256_us.push(verifier.p256.microseconds()?);
        Ok(())
    }

    /// None of no rounds.
    pub(crate) fn done(self) -> Option<Verifications> {
        let (rsa2048_us, p256_us) = (Spread::of(self.rsa2048_us)?, Spread::of(self.p256_us)?);
        Some(Verifications { rsa2048_us, p256_us })
    }
}

/// Keys of both kinds, ready to verify as the product's are, and signatures of them.
pub(crate) struct Verifier {
    rsa2048: Signed,
    p256: Signed,
}

impl Verifier {
    /// With new keys.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let rsa2048 = &SigningKey::generate(Algorithm::Rs256, "rsa-1");
        let p256 = &SigningKey::generate(Algorithm::Es256, "p256-1");
        let number = |key: &SigningKey, name: &str| -> anyhow::Result<Vec<u8>> {
            let jwk = key.jwk();
            let text = jwk[name].as_str().with_context(|| format!("a key has no `{name}`"))?;
            Ok(BASE64URL_NOPAD.decode(text.as_bytes())?)
        };
        let of_rsa = RsaPublicKeyComponents { n: number(rsa2048, "n")?, e: number(rsa2048, "e")? }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| anyhow!("the RSA key is none"))?;
        let point = [vec![4], number(p256, "x")?, number(p256, "y")?].concat();
        let of_p256 = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .map_err(|_| anyhow!("the point is no key"))?;
        let (rsa2048, p256) = (Signed::new(of_rsa, rsa2048), Signed::new(of_p256, p256));
        Ok(Self { rsa2048, p256 })
    }
}

/// Some bytes with their signatures.
struct Signed {
    key: ParsedPublicKey,
    all: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Signed {
    fn new(key: ParsedPublicKey, signing: &SigningKey) -> Self {
        let signed = |number: usize| {
            let bytes = vec![number as u8; SIGNED];
            let signature = signing.signature(&bytes);
            (bytes, signature)
        };
        Self { key, all: (0..SIGNATURES).map(signed).collect() }
    }

    /// What this thread works for one.
    fn microseconds(&self) -> anyhow::Result<f64> {
        let once = || {
            let is_good = |(bytes, signature): &(Vec<u8>, Vec<u8>)| {
                self.key.verify_sig(black_box(bytes), signature).is_ok()
            };
            self.all.iter().all(is_good)
        };
        let mut good = once();
        let from = own_time()?;
        for _ in 0..TIMES {
            good &= once();
        }
        let took = own_time()?.saturating_sub(from);
        ensure!(good, "a signature is not good");
        let count = f64::from(TIMES) * self.all.len() as f64;
        Ok(took.as_secs_f64() * 1e6 / count)
    }
}

/// What this thread has worked so far, which others' work does not lengthen.
fn own_time() -> anyhow::Result<Duration> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_verified_and_take_time() {
        let mut verifier = Verifier::new().unwrap();
        let mut rounds = Rounds::default();
        rounds.add(&verifier).unwrap();
        let found = rounds.done().unwrap();
        assert!(found.rsa2048_us.median > 0.0 && found.p256_us.median > 0.0, "{found:?}");
        assert!(Rounds::default().done().is_none());
        // What is not signed is no measure.
        verifier.p256.all[0].0[0] ^= 1;
        assert!(Rounds::default().add(&verifier).is_err());
    }
}
