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
        endpoints.MapGet("/metrics", context => AnswerAsync(context, page, Scrape.Sums));
        endpoints.MapGet("/metrics/per-object", context => AnswerAsync(context, page, Scrape.PerObject));
        endpoints.MapGet("/metrics/detailed", context => AnswerAsync(context, page, Scrape.Detailed(All(context, "family"), All(context, "vhost"))));
    }

    private static IEnumerable<string> All(HttpContext context, string name) => context.Request.Query[name].OfType<string>();

    private static async Task AnswerAsync(HttpContext context, MetricsPage page, Scrape scrape)
    {
        if (context.Features.Get<PortRole>() is { Kind: PortKind.Management or PortKind.Control })
        {
            // Names of queues are not for everybody who reaches that port.
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = ContentType;
        await page.WriteAsync(context.Response.BodyWriter, scrape, context.RequestAborted).ConfigureAwait(false);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }
}
