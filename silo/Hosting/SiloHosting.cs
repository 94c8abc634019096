using Granary.Silo.DeadLetters;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Granary.Silo.Hosting;

/// <summary>Puts the grains of queues and exchanges into a silo.</summary>
public static class SiloHosting
{
    public static ISiloBuilder AddQueuesAndExchanges(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.TryAddSingleton<DeadLetterOffice>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<DeadLetterOffice>());
        return silo;
    }

    /// <summary>Has the silo go through, once it has started, what clients would otherwise notice the compiler in.</summary>
    public static ISiloBuilder AddRehearsal(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddHostedService<DeadLetterRehearsal>();
        return silo;
    }
}
