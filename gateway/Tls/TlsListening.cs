using Granary.Gateway.Amqp;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Gateway.Tls;

/// <summary>Puts TLS in front of listeners.</summary>
internal static class TlsListening
{
    /// <summary>In front of AMQP, on whichever transport.</summary>
    public static IConnectionBuilder UseTls(this ListenOptions listener)
    {
        var services = listener.ApplicationServices;
        var server = services.GetRequiredService<AmqpServer>();
        return listener.Use(new TlsEntrance(services.GetRequiredService<ShownCertificates>().Amqp!, server.Options, server.Ends, server.Clock).Before);
    }

    /// <summary>In front of HTTP and gRPC: Kestrel's own, which agrees on the version of HTTP, too.</summary>
    /// <param name="which">What its clients are shown.</param>
    public static void UseTlsForHttp(this ListenOptions listener, Func<ShownCertificates, RenewedTls?> which)
    {
        var tls = which(listener.ApplicationServices.GetRequiredService<ShownCertificates>())!;
        var watch = ActivatorUtilities.CreateInstance<HttpsWatch>(listener.ApplicationServices);
        listener.Use(watch.Before);
        listener.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = tls.Options.HandshakeTimeout,
            OnConnection = context => ValueTask.FromResult(HttpsWatch.Begin(context.Connection, tls).Options),
        });
    }
}
