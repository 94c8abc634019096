using System.Net;
using Microsoft.AspNetCore.Connections;
using Orleans.Configuration;

namespace Granary.Silo.Hosting;

/// <summary>
/// A silo that no other ever joins, and that therefore needs no network: a start depends on no port but those that clients are served on. What Orleans would
/// listen and connect with is replaced; its port is only a part of the silo's name.
/// </summary>
public static class LoneSilo
{
    private const int PortInName = 11111;

    /// <exception cref="InvalidOperationException">This version of Orleans makes its connections in another way than the one this was written for.</exception>
    public static ISiloBuilder UseLoneSilo(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.UseLocalhostClustering(PortInName, gatewayPort: 0);
        silo.AwaitOwnMembership();

        // It remembers where other silos have grains, of which there are none, in tables that are made at their full size: 18 MiB.
        silo.Configure<GrainDirectoryOptions>(options => options.CacheSize = 1_000);
        silo.ReplaceNetwork(static _ => new NoNetwork());
        return silo;
    }

    /// <summary>Listens to nobody, and reaches nobody.</summary>
    private sealed class NoNetwork : IConnectionFactory, IConnectionListenerFactory
    {
        public ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException($"A lone silo has no other silo to connect to; it was asked for {endpoint}.");

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(new Deaf(endpoint));
    }

    private sealed class Deaf(EndPoint endPoint) : IConnectionListener
    {
        private readonly TaskCompletionSource<ConnectionContext?> _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint { get; } = endPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_unbound.Task.WaitAsync(cancellationToken));

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _unbound.TrySetResult(null);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync(CancellationToken.None);
    }
}
