using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Granary.Core.Policies;

/// <summary>Has a process hold the policies and parameters.</summary>
public static class PolicyHosting
{
    /// <summary>May be called for each role of the process.</summary>
    public static IServiceCollection AddPolicies(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.All(static service => service.ServiceType != typeof(PolicyCopy)))
        {
            services.TryAddSingleton(TimeProvider.System);
            services.AddSingleton<PolicyCopy>();
            services.AddHostedService(static provider => provider.GetRequiredService<PolicyCopy>());
        }

        return services;
    }
}
