using Granary.Amqp;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Exchanges;
using Granary.Gateway.Management.Policies;
using Granary.Gateway.Management.Queues;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Definitions;

/// <summary>Writes down what there is: what a client owns, and what is there anyway, is not.</summary>
internal sealed class DefinitionsExport(ClusterFigures figures, AccessCalls access, PolicyCalls policies, ParameterRules parameters, AmqpOptions options, ClusterName clusterName)
{
    public async Task<DefinitionsFile> OfClusterAsync(CancellationToken cancellation)
    {
        var picture = await figures.TakeAsync(BindingResources.Needed, cancellation).ConfigureAwait(false);
        var vhosts = (await access.ListVhostsAsync().ConfigureAwait(false)).OrderBy(vhost => vhost.Name, StringComparer.Ordinal).ToArray();
        return Fill(picture, null) with
        {
            Users = [.. (await access.ListUsersAsync().ConfigureAwait(false)).OrderBy(user => user.Name, StringComparer.Ordinal).Select(UserJson.Of)],
            Vhosts = [.. vhosts.Select(VhostDefinition.Of)],
            Permissions = [.. (await access.ListPermissionsAsync().ConfigureAwait(false)).Select(PermissionJson.Of)],
            TopicPermissions = [.. (await access.ListTopicPermissionsAsync().ConfigureAwait(false)).Select(TopicPermissionJson.Of)],
            Parameters = [.. await parameters.ListAsync().ConfigureAwait(false)],
            GlobalParameters =
            [
                .. (await policies.ListParametersAsync().ConfigureAwait(false)).Where(static parameter => parameter.Vhost is null)
                    .OrderBy(static parameter => parameter.Name, StringComparer.Ordinal).Select(ParameterJson.Of),
            ],
            Policies = await PoliciesAsync(null).ConfigureAwait(false),
            RabbitVersion = options.Version,
            RabbitmqVersion = options.Version,
            ProductName = options.Product,
            ProductVersion = options.Version,
            RabbitmqDefinitionFormat = "cluster",
            OriginalClusterName = clusterName.Current,
            Explanation = $"Definitions of cluster '{clusterName.Current}'",
        };
    }

    public async Task<DefinitionsFile> OfVhostAsync(string vhost, CancellationToken cancellation)
    {
        var picture = await figures.TakeAsync(BindingResources.Needed, cancellation).ConfigureAwait(false);
        return Fill(picture, vhost) with
        {
            Parameters = [.. (await parameters.ListAsync().ConfigureAwait(false)).Where(parameter => parameter.Vhost == vhost).Select(static parameter => parameter with { Vhost = null })],
            Policies = await PoliciesAsync(vhost).ConfigureAwait(false),
            RabbitVersion = options.Version,
            RabbitmqVersion = options.Version,
            ProductName = options.Product,
            ProductVersion = options.Version,
            RabbitmqDefinitionFormat = "single_virtual_host",
            OriginalVhostName = vhost,
            Explanation = $"Definitions of virtual host '{vhost}'",
        };
    }

    // Those of operators are parameters.
    private async Task<List<PolicyJson>> PoliciesAsync(string? vhost) =>
    [
        .. PolicyResources.Ordered((await policies.ListPoliciesAsync().ConfigureAwait(false)).Where(policy => !policy.IsOperator && (vhost is null || policy.Vhost == vhost)))
            .Select(policy => PolicyJson.Of(policy) with { Vhost = vhost is null ? policy.Vhost : null }),
    ];

    /// <param name="vhost">Null: of all, which each definition says then.</param>
    private static DefinitionsFile Fill(Picture picture, string? vhost)
    {
        var exclusive = picture.Queues.Where(queue => queue.Figure.Declaration.Exclusive).Select(queue => queue.Figure.Key).ToHashSet(StringComparer.Ordinal);
        return new DefinitionsFile
        {
            Queues =
            [
                .. QueueResources.Ordered(picture, vhost).Where(queue => !exclusive.Contains(queue.Figure.Key)).Select(queue => QueueJson.Of(queue, AppliedPolicy.None))
                    .Select(queue => new QueueDefinition
                    {
                        Name = queue.Name,
                        Vhost = vhost is null ? queue.Vhost : null,
                        Type = queue.Type,
                        Durable = queue.Durable,
                        AutoDelete = queue.AutoDelete,
                        Arguments = queue.Arguments,
                    }),
            ],
            Exchanges =
            [
                .. picture.Exchanges.Select(exchange => (Name: GrainKeys.Parse(exchange.Key), exchange.Declaration))
                    .Where(exchange => (vhost is null || exchange.Name.Vhost == vhost) && !IsPredeclared(exchange.Name.Name))
                    .OrderBy(exchange => exchange.Name.Vhost, StringComparer.Ordinal).ThenBy(exchange => exchange.Name.Name, StringComparer.Ordinal)
                    .Select(exchange => new ExchangeDefinition
                    {
                        Name = exchange.Name.Name,
                        Vhost = vhost is null ? exchange.Name.Vhost : null,
                        Type = exchange.Declaration.Type,
                        Durable = exchange.Declaration.Durable,
                        AutoDelete = exchange.Declaration.AutoDelete,
                        Internal = exchange.Declaration.Internal,
                        Arguments = exchange.Declaration.Arguments.IsEmpty ? FieldTable.Empty : exchange.Declaration.Arguments.Decode(),
                    }),
            ],
            Bindings =
            [
                .. BindingList.Of(picture, vhost)
                    .Where(binding => binding.Source.Length > 0 && !(binding.DestinationType == "queue" && exclusive.Contains(GrainKeys.For(binding.Vhost, binding.Destination))))
                    .Select(binding => new BindingDefinition
                    {
                        Source = binding.Source,
                        Vhost = vhost is null ? binding.Vhost : null,
                        Destination = binding.Destination,
                        DestinationType = binding.DestinationType,
                        RoutingKey = binding.RoutingKey,
                        Arguments = binding.Arguments,
                    }),
            ],
        };
    }

    private static bool IsPredeclared(string exchange) => exchange.Length == 0 || exchange.StartsWith("amq.", StringComparison.Ordinal);
}
