using Granary.Gateway.Management.Clients;

namespace Granary.Gateway.Tests.Management;

public sealed class CipherSuiteTests
{
    /// <summary>What <c>ssl:cipher_suites</c> of Erlang/OTP 25 has for these suites.</summary>
    [Theory]
    [InlineData("TLS_AES_256_GCM_SHA384", "any", "aes_256_gcm", "aead")]
    [InlineData("TLS_CHACHA20_POLY1305_SHA256", "any", "chacha20_poly1305", "aead")]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ecdhe_rsa", "aes_128_gcm", "aead")]
    [InlineData("TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ecdhe_ecdsa", "aes_256_ccm", "aead")]
    [InlineData("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ecdhe_ecdsa", "aes_256_cbc", "sha384")]
    [InlineData("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "dhe_rsa", "aes_128_cbc", "sha")]
    public void Suite_OfAConnection_IsToldInErlangsParts(string suite, string exchange, string cipher, string hash) =>
        Assert.Equal(new CipherSuiteJson(exchange, cipher, hash), CipherSuiteJson.Of(suite));
}
