using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Core.Figures;
using Granary.Core.Health;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Tls;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/health/checks</c>, and what came before it.</summary>
internal sealed class HealthResources(ClusterFigures figures, OwnFigures own, HealthCheckService health, ShownCertificates certificates, TimeProvider clock) : IResource
{
    private const FigureKinds Asked = FigureKinds.Node;

    /// <summary>Beyond any date that there is.</summary>
    private const int MostUnits = 1_000;

    public void Map(ApiRoutes routes)
    {
        routes.Get("/healthchecks/node", Need.Management, CheckNodeAsync);
        routes.Get("/healthchecks/node/{node}", Need.Management, CheckNodeAsync);
        routes.Get("/aliveness-test/{vhost}", Need.Management, call =>
        {
            call.Vhosts.Require(call.Segments[1]);
            return ReplyAsync(call, null);
        });
        routes.Get("/health/checks/alarms", Need.Management, call => CheckAlarmsAsync(call, isLocal: false));
        routes.Get("/health/checks/local-alarms", Need.Management, call => CheckAlarmsAsync(call, isLocal: true));
        routes.Get("/health/checks/port-listener/{port}", Need.Management, CheckPortAsync);
        routes.Get("/health/checks/protocol-listener/{protocols}", Need.Management, CheckProtocolsAsync);
        routes.Get("/health/checks/virtual-hosts", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/certificate-expiration/{within}/{unit}", Need.Management, CheckCertificatesAsync);

        // Every queue is in the store, and any silo can serve it: there are no copies that could be too few.
        routes.Get("/health/checks/node-is-mirror-sync-critical", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/node-is-quorum-critical", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/quorum-queues-without-elected-leaders/all-vhosts", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/{pattern}", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}/pattern/{pattern}", Need.Management, static call => ReplyAsync(call, null));

        routes.Get("/health/checks/metadata-store/initialized", Need.Management, static call => ReplyAsync(call, null));
        routes.Get("/health/checks/metadata-store/initialized/with-data", Need.Management, static call => ReplyAsync(call, null));

        // These are for load balancers: RabbitMQ, too, asks nobody who he is. How many members there are to be nobody says: each serves all queues.
        routes.GetWithoutLogin("/health/checks/reached-target-cluster-size", static call => ReplyAsync(call, null));
        routes.GetWithoutLogin("/health/checks/below-node-connection-limit", static call => ReplyAsync(call, null));
        routes.GetWithoutLogin("/health/checks/is-in-service", CheckReadyAsync);
        routes.GetWithoutLogin("/health/checks/ready-to-serve-clients", CheckReadyAsync);
    }

    private static Task ReplyAsync(ApiCall call, string? failure) => failure is null
        ? call.ReplyAsync(new CheckJson("ok"), ApiJson.Default.CheckJson)
        : call.ReplyAsync(new CheckJson("failed") { Reason = failure }, ApiJson.Default.CheckJson, StatusCodes.Status503ServiceUnavailable);

    private async Task CheckNodeAsync(ApiCall call)
    {
        if (call.Segments.Length > 2)
        {
            await figures.RequireMemberAsync(call, 2).ConfigureAwait(false);
        }

        await ReplyAsync(call, null).ConfigureAwait(false);
    }

    private async Task CheckAlarmsAsync(ApiCall call, bool isLocal)
    {
        var picture = await figures.TakeAsync(Asked, call.Aborted).ConfigureAwait(false);
        AlarmJson[] alarms =
        [
            .. picture.Nodes.Where(node => node.Figure.Alarm is not null && (!isLocal || node.Node == picture.Node))
                .Select(node => new AlarmJson(node.Node, node.Figure.Alarm!)),
        ];
        await (alarms.Length == 0
            ? ReplyAsync(call, null)
            : call.ReplyAsync(
                new CheckJson("failed") { Reason = isLocal ? "There are alarms in effect on the node" : "There are alarms in effect in the cluster", Alarms = alarms },
                ApiJson.Default.CheckJson, StatusCodes.Status503ServiceUnavailable)).ConfigureAwait(false);
    }

    private async Task CheckPortAsync(ApiCall call)
    {
        if (!int.TryParse(call.Segments[3], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            throw ApiException.BadRequest("Invalid port");
        }

        var listeners = await ListenersAsync(call).ConfigureAwait(false);
        await (listeners.Any(listener => listener.Port == port)
            ? call.ReplyAsync(new CheckJson("ok") { Port = port }, ApiJson.Default.CheckJson)
            : call.ReplyAsync(
                new CheckJson("failed") { Reason = "No active listener", Missing = port, Ports = [.. listeners.Select(listener => listener.Port)] },
                ApiJson.Default.CheckJson, StatusCodes.Status503ServiceUnavailable)).ConfigureAwait(false);
    }

    // Several with commas, as from 4.0 on: each is to be spoken.
    private async Task CheckProtocolsAsync(ApiCall call)
    {
        string[] spoken = [.. (await ListenersAsync(call).ConfigureAwait(false)).Select(listener => listener.Protocol).Distinct()];
        string[] missing = [.. call.Segments[3].Split(',').Select(ProtocolOf).Distinct().Except(spoken)];
        await (missing.Length == 0
            ? call.ReplyAsync(new CheckJson("ok") { Protocols = spoken }, ApiJson.Default.CheckJson)
            : call.ReplyAsync(
                new CheckJson("failed")
                {
                    Reason = "No active listener",
                    Missing = new JsonArray([.. missing.Select(static protocol => (JsonNode?)protocol)]),
                    Protocols = spoken,
                },
                ApiJson.Default.CheckJson, StatusCodes.Status503ServiceUnavailable)).ConfigureAwait(false);
    }

    // As tools call them.
    private static string ProtocolOf(string given) => given.ToLowerInvariant() switch
    {
        "amqp091" or "amqp0.9.1" or "amqp0-9-1" or "amqp0_9_1" => "amqp",
        "amqps" => "amqp/ssl",
        "http1" or "http1.1" or "http_api" or "management" or "management_ui" or "ui" => "http",
        "prometheus" => "http/prometheus",
        var other => other,
    };

    private async Task CheckCertificatesAsync(ApiCall call)
    {
        if (!int.TryParse(call.Segments[3], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > MostUnits)
        {
            throw ApiException.BadRequest("Invalid expiration value.");
        }

        var now = clock.GetUtcNow();
        var until = call.Segments[4].ToLowerInvariant() switch
        {
            "days" => now.AddDays(count),
            "weeks" => now.AddDays(7 * count),
            "months" => now.AddMonths(count),
            "years" => now.AddYears(count),
            _ => throw ApiException.BadRequest("Time unit not recognised. Supported units: days, weeks, months, years."),
        };
        ExpiringJson[] expiring =
        [
            .. from listener in await ListenersAsync(call).ConfigureAwait(false)
               let shown = certificates.Of(listener.Protocol)
               where shown is not null
               let told = ExpiringJson.Of(listener, shown, until)
               where told.CertfileExpiresOn.Length + told.CacertfileExpiresOn.Length > 0
               select told,
        ];
        if (expiring.Length == 0)
        {
            await ReplyAsync(call, null).ConfigureAwait(false);
            return;
        }

        // How a node is called depends on who else is on its machine: only the cluster knows.
        var node = (await figures.TakeAsync(Asked, call.Aborted).ConfigureAwait(false)).Node;
        await call.ReplyAsync(
            new CheckJson("failed") { Reason = "Certificates expiring", Expired = [.. expiring.Select(listener => listener with { Node = node })] },
            ApiJson.Default.CheckJson, StatusCodes.Status503ServiceUnavailable).ConfigureAwait(false);
    }

    private async Task CheckReadyAsync(ApiCall call)
    {
        var report = await health.CheckHealthAsync(check => check.Tags.Contains(HealthTags.Ready), call.Aborted).ConfigureAwait(false);
        await ReplyAsync(
            call,
            report.Status == HealthStatus.Healthy
                ? null
                : string.Join("; ", report.Entries.Where(entry => entry.Value.Status != HealthStatus.Healthy).Select(entry => $"{entry.Key}: {entry.Value.Description}"))).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<ListenerFigure>> ListenersAsync(ApiCall call) =>
        (await own.TellAsync(Asked, null, call.Aborted).ConfigureAwait(false)).Node?.Listeners ?? [];
}

/// <summary>What a check found.</summary>
/// <param name="Status"><c>ok</c> or <c>failed</c>.</param>
internal sealed record CheckJson(string Status)
{
    public string? Reason { get; init; }

    public AlarmJson[]? Alarms { get; init; }

    public int? Port { get; init; }

    /// <summary>What was looked for and is not there: a port, or a list of protocols.</summary>
    public JsonNode? Missing { get; init; }

    public int[]? Ports { get; init; }

    public string[]? Protocols { get; init; }

    public ExpiringJson[]? Expired { get; init; }
}

internal sealed record AlarmJson(string Node, string Resource);
