using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Figures;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Management.Nodes;

/// <summary>What <c>rabbitmq-diagnostics</c> asks of the node itself, and its management API has not; <c>/api/auth/attempts</c>, which it has. Another node than the one that is asked is 404.</summary>
internal sealed class DiagnosticsResources(Logins logins, ShownCertificates certificates, ClusterFigures figures, TimeProvider clock) : IResource
{
    private const double LongestSample = 60;

    public void Map(ApiRoutes routes)
    {
        routes.Get("/auth/attempts/{node}", Need.Monitor, AnswerAttemptsAsync);
        routes.Delete("/auth/attempts/{node}", Need.Administrator, ResetAttemptsAsync);

        // By source nothing is counted: as in RabbitMQ where it is not turned on.
        routes.Get("/auth/attempts/{node}/source", Need.Monitor, async call =>
        {
            await figures.RequireOwnAsync(call, 2).ConfigureAwait(false);
            await call.ReplyListAsync([], ApiJson.Default.AttemptsJson, static attempts => attempts.Protocol).ConfigureAwait(false);
        });
        routes.Delete("/auth/attempts/{node}/source", Need.Administrator, async call =>
        {
            await figures.RequireOwnAsync(call, 2).ConfigureAwait(false);
            await call.ReplyNothingAsync().ConfigureAwait(false);
        });
        routes.Get("/nodes/{name}/certificates", Need.Monitor, AnswerCertificatesAsync);
        routes.Get("/nodes/{name}/threads", Need.Monitor, AnswerThreadsAsync);
        routes.Get("/nodes/{name}/network-interfaces", Need.Administrator, AnswerInterfacesAsync);
        routes.Get("/nodes/{name}/addresses/{host}", Need.Administrator, ResolveAsync);
    }

    private async Task AnswerAttemptsAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call, 2).ConfigureAwait(false);
        AttemptsJson[] all =
        [
            .. new[] { (LoginProtocol.Amqp, "amqp091"), (LoginProtocol.Grpc, "grpc"), (LoginProtocol.Http, "http") }
                .Select(protocol => (protocol.Item2, logins.Attempts[protocol.Item1]))
                .Where(static attempts => attempts.Item2 is not (0, 0))
                .Select(static attempts => new AttemptsJson(attempts.Item1, attempts.Item2.Succeeded + attempts.Item2.Failed, attempts.Item2.Failed, attempts.Item2.Succeeded)),
        ];
        await call.ReplyListAsync(all, ApiJson.Default.AttemptsJson, static attempts => attempts.Protocol).ConfigureAwait(false);
    }

    private async Task ResetAttemptsAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call, 2).ConfigureAwait(false);
        logins.Attempts.Reset();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task AnswerCertificatesAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        CertificateJson[] all =
        [
            .. from protocol in new[] { "amqp/ssl", "https" }
               let shown = certificates.Of(protocol)
               where shown is not null
               select CertificateJson.Of(protocol, shown.Current.Certificate.TargetCertificate),
        ];
        await call.ReplyListAsync(all, ApiJson.Default.CertificateJson, static certificate => certificate.Subject).ConfigureAwait(false);
    }

    private async Task AnswerThreadsAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var seconds = call.Query["seconds"].ToString() is not { Length: > 0 } text ? 5
            : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var given) && given is > 0 and <= LongestSample ? given
            : throw ApiException.BadRequest($"seconds is a number from 0 to {LongestSample}");
        var before = ThreadTimes.Read();
        var (done, since) = (ThreadPool.CompletedWorkItemCount, clock.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(seconds), clock, call.Aborted).ConfigureAwait(false);
        var elapsed = clock.GetElapsedTime(since);
        ThreadJson[] threads =
        [
            .. ThreadTimes.Read().Select(thread => new ThreadJson(
                thread.Key, thread.Value.Name, Math.Round((thread.Value.Ticks - before.GetValueOrDefault(thread.Key).Ticks) * ThreadTimes.Tick / elapsed.TotalSeconds * 100, 2))),
        ];
        await call.ReplyAsync(
            new ThreadsJson(elapsed.TotalSeconds, ThreadPool.ThreadCount, ThreadPool.PendingWorkItemCount, ThreadPool.CompletedWorkItemCount - done, threads), ApiJson.Default.ThreadsJson)
            .ConfigureAwait(false);
    }

    private async Task AnswerInterfacesAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        InterfaceJson[] all =
        [
            .. NetworkInterface.GetAllNetworkInterfaces().Select(static one => new InterfaceJson(
                one.Name, one.OperationalStatus.ToString().ToLowerInvariant(), string.Join(':', one.GetPhysicalAddress().GetAddressBytes().Select(static octet => octet.ToString("X", CultureInfo.InvariantCulture))),
                [.. one.GetIPProperties().UnicastAddresses.Select(static address => $"{new IPAddress(address.Address.GetAddressBytes())}/{address.PrefixLength}")])),
        ];
        await call.ReplyListAsync(all, ApiJson.Default.InterfaceJson, static one => one.Name).ConfigureAwait(false);
    }

    private async Task ResolveAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var family = call.Query["family"].ToString() == "ipv6" ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        IPAddress[] found;
        try
        {
            found = await Dns.GetHostAddressesAsync(call.Segments[3], family, call.Aborted).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            // Unknown, or no name at all.
            found = [];
        }

        await call.ReplyAsync(new ResolvedJson(call.Segments[3], [.. found.Select(static address => address.ToString())]), ApiJson.Default.ResolvedJson).ConfigureAwait(false);
    }
}

/// <summary>How many have logged in, by what they speak.</summary>
internal sealed record AttemptsJson(string Protocol, long AuthAttempts, long AuthAttemptsFailed, long AuthAttemptsSucceeded);

/// <summary>The public part of a certificate that clients are shown.</summary>
/// <param name="Listener">The protocol of the listeners that show it.</param>
internal sealed record CertificateJson(string Listener, string Subject, string Issuer, string Serial, DateTimeOffset ValidFrom, DateTimeOffset ValidUntil, string[] SubjectAlternativeNames)
{
    public static CertificateJson Of(string listener, X509Certificate2 certificate) => new(
        listener, certificate.Subject, certificate.Issuer, certificate.SerialNumber, certificate.NotBefore, certificate.NotAfter,
        [
            .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                .SelectMany(static names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(static address => address.ToString()))),
        ]);
}

/// <summary>What threads did for a while.</summary>
/// <param name="Seconds">How long they were watched.</param>
/// <param name="PoolThreads">Threads of the pool, now.</param>
/// <param name="Waiting">Work that waits for one of them, now.</param>
/// <param name="Done">Work that they have done meanwhile.</param>
internal sealed record ThreadsJson(double Seconds, int PoolThreads, long Waiting, long Done, ThreadJson[] Threads);

/// <param name="Busy">The share of one processor that it took, in percent.</param>
internal sealed record ThreadJson(int Id, string Name, double Busy);

internal sealed record InterfaceJson(string Name, string State, string HardwareAddress, string[] Addresses);

/// <param name="Addresses">None: nobody knows the name.</param>
internal sealed record ResolvedJson(string Hostname, string[] Addresses);
