using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Gateway.Access.Tokens;
using Granary.Testing.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Access.Tokens;

/// <summary>Who issues tokens: with keys of RSA and EC, and a server that tells the public ones over https. Tokens are made by hand, so that they can be wrong in any way.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    public const string Audience = "broker", RsaKey = "rsa-1", EcKey = "ec-1";

    private readonly WebApplication _app;
    private readonly TestAuthority _authority;
    private readonly string _folder;
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _asked;

    private TestIssuer(WebApplication app, TestAuthority authority, string folder) => (_app, _authority, _folder) = (app, authority, folder);

    /// <summary>How often the keys were asked for.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>The ids by which the keys are told.</summary>
    public (string Rsa, string Ec) Ids { get; set; } = (RsaKey, EcKey);

    /// <summary>Where the server says that the keys are; null: at the server itself.</summary>
    public string? MovedTo { get; set; }

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);

    public string AuthorityFile => Path.Combine(_folder, "ca.pem");

    public string PublicKeyPem => _rsa.ExportSubjectPublicKeyInfoPem();

    public TokenOptions Options => new() { ResourceServer = Audience, Issuer = Address, KeysAddress = $"{Address}/keys", Authority = AuthorityFile };

    public static async Task<TestIssuer> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("granary-tokens-").FullName;
        var authority = new TestAuthority();
        authority.IssueTo(folder, ["localhost"]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        using var read = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "silo.pem"), Path.Combine(folder, "silo.key"));
        var certificate = X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        var issuer = new TestIssuer(app, authority, folder);
        app.MapGet("/keys", issuer.TellKeys);
        app.MapGet("/elsewhere", issuer.TellSet);
        app.MapGet("/.well-known/openid-configuration", () => Results.Text($$"""{"issuer":"{{issuer.Address}}","jwks_uri":"{{issuer.Address}}/keys"}""", "application/json"));
        await app.StartAsync();
        return issuer;
    }

    /// <summary>What a token says that is as it is to be.</summary>
    public JsonObject Claims(params string[] scopes) => new()
    {
        ["iss"] = Address,
        ["aud"] = Audience,
        ["sub"] = "joe",
        ["exp"] = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds(),
        ["scope"] = string.Join(' ', scopes.Select(static scope => $"{Audience}.{scope}")),
    };

    public string Token(JsonObject claims, string algorithm = "RS256", string? key = RsaKey, JsonObject? header = null)
    {
        header ??= [];
        header["alg"] = algorithm;
        header["typ"] = "JWT";
        if (key is not null)
        {
            header["kid"] = key;
        }

        var signed = $"{Encode(header)}.{Encode(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(Sign(algorithm, Encoding.ASCII.GetBytes(signed)))}";
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _authority.Dispose();
        _rsa.Dispose();
        _ec.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Encode(JsonObject value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes<JsonNode>(value));

    private byte[] Sign(string algorithm, byte[] text) => algorithm switch
    {
        "RS256" => _rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        "PS256" => _rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
        "ES256" => _ec.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation),

        // With what everybody may know for a secret.
        "HS256" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(PublicKeyPem), text),
        _ => [],
    };

    private IResult TellKeys()
    {
        Interlocked.Increment(ref _asked);
        return MovedTo is { } address ? Results.Redirect(address) : TellSet();
    }

    private IResult TellSet()
    {
        var (rsa, ec) = (_rsa.ExportParameters(false), _ec.ExportParameters(false));
        return Results.Text(
            $$"""
            {"keys":[
              {"kty":"RSA","use":"sig","kid":"{{Ids.Rsa}}","n":"{{Base64Url.EncodeToString(rsa.Modulus)}}","e":"{{Base64Url.EncodeToString(rsa.Exponent)}}"},
              {"kty":"EC","kid":"{{Ids.Ec}}","crv":"P-256","x":"{{Base64Url.EncodeToString(ec.Q.X)}}","y":"{{Base64Url.EncodeToString(ec.Q.Y)}}"},
              {"kty":"oct","kid":"shared","k":"{{Base64Url.EncodeToString(Encoding.ASCII.GetBytes(PublicKeyPem))}}"}
            ]}
            """,
            "application/json");
    }
}
