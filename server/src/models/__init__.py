"""The tables: columns, constraints, enums. No queries."""

from src.models.account_model import AccountModel
from src.models.api_key_model import ApiKeyModel
from src.models.base import Base
from src.models.batch_model import BatchModel, BatchStatus, Callbacks
from src.models.benchmark_run_model import BenchmarkRunModel, RunStatus
from src.models.callback_log_model import BatchCallbackLogModel, CallbackLogModel
from src.models.ended_pause_model import EndedPauseModel
from src.models.file_to_delete_model import FileToDeleteModel
from src.models.idempotency_key_model import IdempotencyKeyModel
from src.models.lane_secret_model import LaneSecretModel
from src.models.leader_model import LeaderModel
from src.models.paused_receiver_model import PausedReceiverModel
from src.models.queue_counter_model import QueueCounterModel
from src.models.redelivery_model import RedeliveryModel, RedeliveryStatus
from src.models.request_model import CallbackStatus, Mode, Priority, RequestModel, Status
from src.models.stream_ticket_model import StreamTicketModel
from src.models.webhook_secret_model import WebhookSecretModel

__all__ = [
    "AccountModel",
    "ApiKeyModel",
    "Base",
    "BatchCallbackLogModel",
    "BatchModel",
    "BatchStatus",
    "BenchmarkRunModel",
    "CallbackLogModel",
    "CallbackStatus",
    "Callbacks",
    "EndedPauseModel",
    "FileToDeleteModel",
    "IdempotencyKeyModel",
    "LaneSecretModel",
    "LeaderModel",
    "Mode",
    "PausedReceiverModel",
    "Priority",
    "QueueCounterModel",
    "RedeliveryModel",
    "RedeliveryStatus",
    "RequestModel",
    "RunStatus",
    "Status",
    "StreamTicketModel",
    "WebhookSecretModel",
]
