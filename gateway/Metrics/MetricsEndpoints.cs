using System.Buffers;
using Granary.Gateway.Figures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Gateway.Metrics;

/// <summary><c>/metrics</c> on the port for metrics: whoever reaches that may scrape.</summary>
internal static class MetricsEndpoints
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void MapMetrics(this IEndpointRouteBuilder endpoints)
    {
        var page = endpoints.ServiceProvider.GetRequiredService<MetricsPage>();
        Map("/metrics", _ => Scrape.Sums);
        Map("/metrics/per-object", _ => Scrape.PerObject);
        Map("/metrics/detailed", context => Scrape.Detailed(All(context, "family"), All(context, "vhost")));
        endpoints.MapGet("/metrics/memory-breakdown", context => AnswerAsync(context, output => page.WriteMemoryAsync(output, context.RequestAborted)));

        void Map(string path, Func<HttpContext, Scrape> scrape) =>
            endpoints.MapGet(path, context => AnswerAsync(context, output => page.WriteAsync(output, scrape(context), context.RequestAborted)));
    }

    private static IEnumerable<string> All(HttpContext context, string name) => context.Request.Query[name].OfType<string>();

    private static async Task AnswerAsync(HttpContext context, Func<IBufferWriter<byte>, Task> write)
    {
        if (context.Features.Get<PortRole>() is { Kind: PortKind.Management or PortKind.Control })
        {
            // Names of queues are not for everybody who reaches that port.
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = ContentType;
        await write(context.Response.BodyWriter).ConfigureAwait(false);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }
}
