using Granary.Core.Routing;
using Microsoft.Extensions.Hosting;

namespace Granary.Gateway.Hosting;

/// <summary>Ends the router's renewals while there is still a silo to renew with: it was started before this and stops after it.</summary>
internal sealed class RouterStop(Router router) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        router.Dispose();
        return Task.CompletedTask;
    }
}
