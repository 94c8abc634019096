using System.Text.Json.Nodes;
using Granary.Gateway.Access.Tokens;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Access.Tokens;

/// <summary>Which tokens are true, and where their keys come from.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class TokenVerifierTests : IAsyncLifetime
{
    private const int KeysNotRead = 1692, Refused = 1693;

    private readonly WatchedLog _watched = new();
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private TestIssuer? _issuer;

    private TestIssuer Issuer => _issuer!;

    public async Task InitializeAsync() => _issuer = await TestIssuer.StartAsync();

    public async Task DisposeAsync()
    {
        await Issuer.DisposeAsync();
        _watched.Check();
    }

    [Theory]
    [InlineData("RS256", TestIssuer.RsaKey)]
    [InlineData("PS256", TestIssuer.RsaKey)]
    [InlineData("ES256", TestIssuer.EcKey)]
    public async Task Token_OfTheIssuer_IsTrue(string algorithm, string key)
    {
        var verified = await NewVerifier().VerifyAsync(Issuer.Token(Issuer.Claims("read:*/*", "tag:management"), algorithm, key), CancellationToken.None);
        Assert.Equal(("joe", "read:*/*,tag:management", "management"), (verified!.User, string.Join(',', verified.Scopes.Order()), Assert.Single(verified.Tags)));
    }

    [Fact]
    public async Task Token_ThatIsWrongInAnyWay_IsRefused()
    {
        _watched.Expect(Refused);
        var verifier = NewVerifier();
        JsonObject With(string claim, JsonNode? value)
        {
            var claims = Issuer.Claims("read:*/*");
            _ = value is null ? claims.Remove(claim) : (claims[claim] = value) is not null;
            return claims;
        }

        var good = Issuer.Token(Issuer.Claims("read:*/*"));
        var now = _clock.GetUtcNow().ToUnixTimeSeconds();
        Dictionary<string, string> wrong = new()
        {
            ["expired"] = Issuer.Token(With("exp", now - 1)),
            ["without expiry"] = Issuer.Token(With("exp", null)),
            ["expiry is no number"] = Issuer.Token(With("exp", "never")),
            ["not valid yet"] = Issuer.Token(With("nbf", now + 600)),
            ["for somebody else"] = Issuer.Token(With("aud", "other")),
            ["for nobody"] = Issuer.Token(With("aud", null)),
            ["of another issuer"] = Issuer.Token(With("iss", "https://other")),
            ["of no issuer"] = Issuer.Token(With("iss", null)),
            ["of nobody"] = Issuer.Token(With("sub", null)),
            ["not signed"] = Issuer.Token(Issuer.Claims("read:*/*"), "none"),
            ["none, without a key"] = Issuer.Token(Issuer.Claims("read:*/*"), "none", key: null),
            ["signed with the public key"] = Issuer.Token(Issuer.Claims("read:*/*"), "HS256"),
            ["signed with a secret of the set"] = Issuer.Token(Issuer.Claims("read:*/*"), "HS256", "shared"),
            ["an algorithm of another key"] = Issuer.Token(Issuer.Claims("read:*/*"), "ES256"),
            ["without a key"] = Issuer.Token(Issuer.Claims("read:*/*"), key: null),
            ["changed"] = $"{good[..good.IndexOf('.', StringComparison.Ordinal)]}.{Issuer.Token(With("sub", "root")).Split('.')[1]}.{good.Split('.')[2]}",
            ["cut"] = good[..^4],
            ["of other parts"] = "a.b.c",
            ["empty parts"] = "..",
        };
        foreach (var (how, token) in wrong)
        {
            Assert.True(await verifier.VerifyAsync(token, CancellationToken.None) is null, how);
        }

        Assert.NotNull(await verifier.VerifyAsync(good, CancellationToken.None));
        // As every token begins.
        Assert.DoesNotContain(_watched.Lines, static line => line.ToString().Contains("eyJ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Audience_OfSeveral_IsFound()
    {
        var claims = Issuer.Claims();
        claims["aud"] = new JsonArray("a", "b broker");
        Assert.NotNull(await NewVerifier().VerifyAsync(Issuer.Token(claims), CancellationToken.None));
        claims["aud"] = "other";
        Assert.NotNull(await NewVerifier(Issuer.Options with { VerifiesAudience = false }).VerifyAsync(Issuer.Token(claims), CancellationToken.None));
    }

    [Fact]
    public async Task Algorithm_ThatIsNotConfigured_IsRefused()
    {
        _watched.Expect(Refused);
        Assert.Null(await NewVerifier(Issuer.Options with { Algorithms = ["ES256"] }).VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
    }

    [Fact]
    public async Task Address_InTheToken_IsNotAsked()
    {
        _watched.Expect(Refused);
        var header = new JsonObject { ["jku"] = $"{Issuer.Address}/elsewhere", ["x5u"] = $"{Issuer.Address}/elsewhere", ["jwk"] = new JsonObject() };
        Issuer.Ids = ("another", "still another");
        Assert.Null(await NewVerifier().VerifyAsync(Issuer.Token(Issuer.Claims(), header: header), CancellationToken.None));
        Assert.Equal(1, Issuer.Asked);
    }

    [Fact]
    public async Task Key_ThatIsNotKnown_IsAskedForNotMoreOftenThanEveryTenSeconds()
    {
        _watched.Expect(Refused);
        var verifier = NewVerifier();
        Assert.NotNull(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
        Issuer.Ids = ("rsa-2", TestIssuer.EcKey);
        for (var i = 0; i < 10; i++)
        {
            Assert.Null(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims(), key: "rsa-2"), CancellationToken.None));
        }

        Assert.Equal(1, Issuer.Asked);
        _clock.Advance(TokenKeys.Pause);
        Assert.NotNull(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims(), key: "rsa-2"), CancellationToken.None));
        Assert.Null(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
        Assert.Equal(2, Issuer.Asked);
    }

    [Fact]
    public async Task Keys_OfAServerThatSendsElsewhere_AreNotFetchedThere()
    {
        _watched.Expect(KeysNotRead, Refused);
        Issuer.MovedTo = $"{Issuer.Address}/elsewhere";
        Assert.Null(await NewVerifier().VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
        Assert.Equal(1, Issuer.Asked);
    }

    [Fact]
    public async Task Keys_OfAServerThatNobodySignedFor_AreNotTaken()
    {
        _watched.Expect(KeysNotRead, Refused);
        Assert.Null(await NewVerifier(Issuer.Options with { Authority = null }).VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
    }

    [Fact]
    public async Task Keys_AreFoundByWhatTheIssuerSaysOfItself() =>
        Assert.NotNull(await NewVerifier(Issuer.Options with { KeysAddress = null }).VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));

    [Fact]
    public async Task Keys_OfAFile_NeedNoServer()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Issuer.PublicKeyPem);
        var options = Issuer.Options with { KeysAddress = null, KeyFiles = new Dictionary<string, string> { [TestIssuer.RsaKey] = file }, DefaultKey = TestIssuer.RsaKey };
        Assert.Null(options.Refusal());
        var verifier = NewVerifier(options);
        Assert.NotNull(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims()), CancellationToken.None));
        Assert.NotNull(await verifier.VerifyAsync(Issuer.Token(Issuer.Claims(), key: null), CancellationToken.None));
        Assert.Equal(0, Issuer.Asked);
        File.Delete(file);
        Assert.Contains("is not a file in PEM", options.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scopes_AreFoundWhereverTheyAre()
    {
        var claims = Issuer.Claims("a:1", "a:1");
        claims["roles"] = new JsonArray("broker.a:2", "other.a:9", 5);
        claims["realm"] = new JsonObject { ["broker"] = new JsonArray("a:3") };
        claims["authorization"] = new JsonObject { ["permissions"] = new JsonArray(new JsonObject { ["scopes"] = new JsonArray("broker.a:4") }, "x") };
        claims["user_name"] = "ann";
        var verified = await NewVerifier(Issuer.Options with { MoreScopes = ["roles", "realm", "missing.path"], UserClaims = ["user_name"] }).VerifyAsync(Issuer.Token(claims), CancellationToken.None);
        Assert.Equal(("ann", "a:1,a:2,a:3,a:4"), (verified!.User, string.Join(',', verified.Scopes.Order())));
    }

    [Fact]
    public async Task Scope_ThatStandsForOthers_GivesThem()
    {
        var claims = Issuer.Claims("a:1");
        claims["roles"] = new JsonArray("admin", "unknown");
        var options = Issuer.Options with { MoreScopes = ["roles"], ScopeAliases = new Dictionary<string, string[]> { ["admin"] = ["broker.tag:administrator", "broker.a:2", "other.a:3"] } };
        var verified = await NewVerifier(options).VerifyAsync(Issuer.Token(claims), CancellationToken.None);
        Assert.Equal("a:1,a:2,tag:administrator", string.Join(',', verified!.Scopes.Order()));
    }

    [Theory]
    [InlineData("http://issuer/keys", "does not begin", "--oauth-jwks-url: http://issuer/keys is not an address that begins with https://.")]
    [InlineData(null, "issuer", "The keys of tokens are unknown")]
    public void Options_ThatCannotBeUsed_AreRefused(string? address, string issuer, string told) =>
        Assert.StartsWith(told, new TokenOptions { ResourceServer = "r", Issuer = issuer, KeysAddress = address }.Refusal(), StringComparison.Ordinal);

    private TokenVerifier NewVerifier(TokenOptions? options = null)
    {
        options ??= Issuer.Options;
        return new TokenVerifier(options, new TokenKeys(options, _clock, _watched.LoggerOf<TokenKeys>()), _clock, _watched.LoggerOf<TokenVerifier>());
    }
}
