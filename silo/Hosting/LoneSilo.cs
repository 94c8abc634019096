using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Polly;
using Polly.Registry;

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
        silo.Services.AddSingleton<ResiliencePipelineProvider<string>, NothingToTryAgain>();
        return silo;
    }

    /// <summary>
    /// Orleans has Polly try again where the placement of a grain failed. In a lone silo that is decided in this process and cannot fail for a while and then succeed, so
    /// nothing is tried again, and the libraries that Polly loads to check its options and to report figures, which nothing else here needs, are not loaded: 2 MiB.
    /// </summary>
    private sealed class NothingToTryAgain : ResiliencePipelineProvider<string>
    {
        public override bool TryGetPipeline(string key, [NotNullWhen(true)] out ResiliencePipeline? pipeline)
        {
            pipeline = ResiliencePipeline.Empty;
            return true;
        }

        public override bool TryGetPipeline<TResult>(string key, [NotNullWhen(true)] out ResiliencePipeline<TResult>? pipeline)
        {
            pipeline = ResiliencePipeline<TResult>.Empty;
            return true;
        }
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
