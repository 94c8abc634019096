using Granary.Core.Alarms;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Granary.Core.Figures;

/// <summary>Has a process tell what it holds, and ask the others.</summary>
public static class FigureHosting
{
    public static IServiceCollection AddFigures(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<PublisherAlarms>();
        services.TryAddSingleton(_ => new MemoryLimit(share: 1));
        services.TryAddSingleton<ProcessFigures>();
        services.TryAddSingleton(_ => new SampleTimes(Sampler.Samples));
        services.TryAddSingleton<NodeHistory>();
        services.TryAddSingleton<OwnHistories>();
        services.TryAddSingleton<ClusterHistories>();
        services.TryAddSingleton<OwnFigures>();
        services.TryAddSingleton<ClusterFigures>();
        services.AddHostedService<Sampler>();
        return services;
    }
}
