using System.Net;
using System.Security.Cryptography.X509Certificates;
using Granary.Testing.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Cli.Tests;

/// <summary>A server that has definitions, over https, for those with a certificate of its CA.</summary>
internal sealed class DefinitionsSite : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TestAuthority _authority;

    private DefinitionsSite(WebApplication app, TestAuthority authority) => (_app, _authority) = (app, authority);

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);

    /// <param name="folder">Where its <c>ca.pem</c>, <c>silo.pem</c> and <c>silo.key</c> are put, which a client may use, too.</param>
    public static async Task<DefinitionsSite> StartAsync(string folder, string definitions)
    {
        var authority = new TestAuthority();
        authority.IssueTo(folder, ["localhost"]);
        using var read = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "silo.pem"), Path.Combine(folder, "silo.key"));
        var certificate = X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate, https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (shown, _, _) => shown.Issuer == certificate.Issuer;
        })));
        var app = builder.Build();
        app.MapGet("/d.json", () => Results.Text(definitions, "application/json"));
        app.MapGet("/moved.json", () => Results.Redirect("d.json"));
        await app.StartAsync();
        return new DefinitionsSite(app, authority);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _authority.Dispose();
    }
}
