using Granary.Core.Links;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Testing.Unkind;

/// <summary>Makes a host treat calls and packets unkindly.</summary>
public static class Unkindness
{
    private const int BindingsNotRemoved = 3102, NotWoken = 3322;

    /// <summary>What a lost call comes to in the log: it is told, and tried again.</summary>
    public static int[] Events { get; } = [BindingsNotRemoved, NotWoken];

    /// <summary>To be called when everything else has been added.</summary>
    public static IServiceCollection AddUnkindness(this IServiceCollection services, int seed) => services.AddUnkindness(new Fates(seed));

    /// <summary>To be called when everything else has been added.</summary>
    public static IServiceCollection AddUnkindness(this IServiceCollection services, Fates fates)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton<IIncomingGrainCallFilter>(new UnkindCalls(fates));
        services.AddSingleton<IOutgoingGrainCallFilter, CallsFromThreads>();
        for (var i = 0; i < services.Count; i++)
        {
            if (services[i] is { ServiceType: var type, ImplementationFactory: { } queues } && type == typeof(ILocalQueues))
            {
                services[i] = ServiceDescriptor.Singleton<ILocalQueues>(provider => new UnkindLocalQueues((ILocalQueues)queues(provider), fates));
            }
        }

        return services;
    }
}
