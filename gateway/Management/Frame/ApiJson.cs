using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Granary.Core.Messages;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Clients;
using Granary.Gateway.Management.Definitions;
using Granary.Gateway.Management.Exchanges;
using Granary.Gateway.Management.Nodes;
using Granary.Gateway.Management.Page;
using Granary.Gateway.Management.Policies;
using Granary.Gateway.Management.Queues;

namespace Granary.Gateway.Management.Frame;

/// <summary>
/// The types that the management API reads and writes, with code made for them when this is compiled. Of what is read, properties can be set: the code that is made
/// gives those that can only be initialized nothing where the text says nothing, whatever they are initialized with.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(FieldTableConverter), typeof(LenientBoolean)])]
[JsonSerializable(typeof(Refusal))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(QueueJson))]
[JsonSerializable(typeof(QueueRequest))]
[JsonSerializable(typeof(ActionRequest))]
[JsonSerializable(typeof(SuperStreamRequest))]
[JsonSerializable(typeof(TrackingJson))]
[JsonSerializable(typeof(GetRequest))]
[JsonSerializable(typeof(List<MessageJson>))]
[JsonSerializable(typeof(ConnectionJson))]
[JsonSerializable(typeof(ChannelJson))]
[JsonSerializable(typeof(ConsumerJson))]
[JsonSerializable(typeof(ExchangeJson))]
[JsonSerializable(typeof(ExchangeRequest))]
[JsonSerializable(typeof(List<DelayedJson>))]
[JsonSerializable(typeof(PublishMessage))]
[JsonSerializable(typeof(Published))]
[JsonSerializable(typeof(BindingJson))]
[JsonSerializable(typeof(BindingRequest))]
[JsonSerializable(typeof(NodeJson))]
[JsonSerializable(typeof(LimitJson))]
[JsonSerializable(typeof(ApplicationState))]
[JsonSerializable(typeof(ListenersState))]
[JsonSerializable(typeof(LogJson))]
[JsonSerializable(typeof(AttemptsJson))]
[JsonSerializable(typeof(CertificateJson))]
[JsonSerializable(typeof(ThreadsJson))]
[JsonSerializable(typeof(InterfaceJson))]
[JsonSerializable(typeof(ResolvedJson))]
[JsonSerializable(typeof(LogLevelJson))]
[JsonSerializable(typeof(FeatureFlagJson))]
[JsonSerializable(typeof(MemoryJson))]
[JsonSerializable(typeof(TablesJson))]
[JsonSerializable(typeof(OverviewJson))]
[JsonSerializable(typeof(ClusterNameJson))]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(ExtensionJson[]))]
[JsonSerializable(typeof(CheckJson))]
[JsonSerializable(typeof(DefinitionsFile))]
[JsonSerializable(typeof(Dictionary<string, long>))]
[JsonSerializable(typeof(UserJson))]
[JsonSerializable(typeof(UserNames))]
[JsonSerializable(typeof(HashedPassword))]
[JsonSerializable(typeof(ReplicaJson[]))]
[JsonSerializable(typeof(VhostJson))]
[JsonSerializable(typeof(VhostRequest))]
[JsonSerializable(typeof(PermissionJson))]
[JsonSerializable(typeof(TopicPermissionJson))]
[JsonSerializable(typeof(VhostLimitsJson))]
[JsonSerializable(typeof(UserLimitsJson))]
[JsonSerializable(typeof(LimitRequest))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(RouteRequest))]
[JsonSerializable(typeof(RouteJson))]
[JsonSerializable(typeof(MoveRequest))]
[JsonSerializable(typeof(MovedJson))]
[JsonSerializable(typeof(FoundJson))]
[JsonSerializable(typeof(PolicyJson))]
[JsonSerializable(typeof(ParameterJson))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(SettingJson))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class ApiJson : JsonSerializerContext;
