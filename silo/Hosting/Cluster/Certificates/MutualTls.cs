using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>
/// Connections between members, on which each side shows a certificate and checks the other's: the CA is the cluster's own, and the name is that of its members.
/// </summary>
internal sealed partial class MutualTls(RenewedIdentity identity, string name, ILogger<MutualTls> log)
{
    // Of the handshake that runs here: what the other side's certificate was refused for.
    private readonly AsyncLocal<Handshake?> _handshake = new();

    public static void Use(ISiloBuilder silo, CertificateFiles files)
    {
        silo.Services.AddSingleton(files);
        silo.Services.AddSingleton<RenewedIdentity>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<RenewedIdentity>());
        silo.Services.AddSingleton(provider =>
            new MutualTls(provider.GetRequiredService<RenewedIdentity>(), files.Name, provider.GetRequiredService<ILogger<MutualTls>>()));
        silo.Configure<SiloConnectionOptions>(connections =>
        {
            connections.ConfigureSiloInboundConnection(connection => Of(connection).Add(connection, isServer: true));
            connections.ConfigureGatewayInboundConnection(connection => Of(connection).Add(connection, isServer: true));
            connections.ConfigureSiloOutboundConnection(connection => Of(connection).Add(connection, isServer: false));
        });
    }

    private static MutualTls Of(IConnectionBuilder connection) => connection.ApplicationServices.GetRequiredService<MutualTls>();

    private void Add(IConnectionBuilder connection, bool isServer)
    {
        connection.Use(next => context => WatchAsync(context, next, isServer));
        var options = new TlsOptions
        {
            // Asked for where a certificate has to be there from the start; what is shown is set below, for each connection, with what is between it and the CA.
            LocalServerCertificateSelector = (_, _) => identity.Current.Certificate.TargetCertificate,
            RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
            RemoteCertificateValidation = Accepts,
            OnAuthenticateAsServer = (_, server) => Set((SslServerAuthenticationOptions)server.SslServerAuthenticationOptions),
            OnAuthenticateAsClient = (_, client) => Set((SslClientAuthenticationOptions)client.SslClientAuthenticationOptions),
        };
        if (isServer)
        {
            connection.UseServerTls(options);
        }
        else
        {
            connection.UseClientTls(options);
        }
    }

    private void Set(SslServerAuthenticationOptions server)
    {
        var current = identity.Current;
        server.ServerCertificateSelectionCallback = null;
        server.ServerCertificateContext = current.Certificate;
        server.CertificateChainPolicy = current.CreatePolicy();

        // Whoever comes again is checked again.
        server.AllowTlsResume = false;
    }

    private void Set(SslClientAuthenticationOptions client)
    {
        var current = identity.Current;
        client.TargetHost = name;
        client.ClientCertificateContext = current.Certificate;
        client.CertificateChainPolicy = current.CreatePolicy();
        client.AllowTlsResume = false;
    }

    /// <summary>The chain was checked by what <see cref="Set(SslServerAuthenticationOptions)"/> gave. A server does not look at the names of its clients: here it does.</summary>
    private bool Accepts(X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        var reason = errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)
            ? MemberIdentity.Describe(chain?.ChainStatus ?? [], "the cluster's CA")
            : !certificate.MatchesHostname(name, allowWildcards: false, allowCommonName: false)
                ? $"is not for the name '{name}'"
                : errors == SslPolicyErrors.None ? null : $"was refused: {errors}";
        if (reason is not null && _handshake.Value is { } handshake)
        {
            handshake.Refusal = $"its certificate ({certificate.Subject}) {reason}";
        }

        return reason is null;
    }

    private async Task WatchAsync(ConnectionContext connection, ConnectionDelegate next, bool isServer)
    {
        var handshake = new Handshake();
        _handshake.Value = handshake;
        await next(connection).ConfigureAwait(false);
        if (handshake.Refusal is { } refusal)
        {
            LogRefused($"{connection.RemoteEndPoint}", isServer ? "is not let in" : "is not believed to be a member", refusal);
        }
        else if (connection.Features.Get<ITlsApplicationProtocolFeature>() is null)
        {
            // A probe of a load balancer is one of these, and a member that was killed meanwhile.
            LogNoHandshake($"{connection.RemoteEndPoint}");
        }
    }

    [LoggerMessage(3405, LogLevel.Warning, "{Address} {Consequence}: {Reason}")]
    private partial void LogRefused(string address, string consequence, string reason);

    [LoggerMessage(3406, LogLevel.Information, "{Address} showed no certificate of a member, or no TLS, or left: no connection came of it")]
    private partial void LogNoHandshake(string address);

    private sealed class Handshake
    {
        public string? Refusal { get; set; }
    }
}
