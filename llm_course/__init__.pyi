# The names at the face of the package, each where it comes from: editors and mypy read this list, and so does
# __init__.py, which loads a name when it is first used.
from llm_course import attention as attention
from llm_course import errors as errors
from llm_course import lessons as lessons
from llm_course import minis as minis
from llm_course import shelf as shelf
from llm_course import teaching as teaching
from llm_course import use_cases as use_cases
from llm_course import worlds as worlds
from llm_course.attention.capture import attend as attend
from llm_course.errors import LLMCourseError as LLMCourseError
from llm_course.shelf.catalogue import models as models
from llm_course.shelf.loading import load as load
from llm_course.shelf.loading import use as use
from llm_course.teaching.checking import check as check
from llm_course.teaching.checking import hint as hint
from llm_course.teaching.checking import solution as solution
from llm_course.teaching.environment import doctor as doctor
from llm_course.teaching.figures import show as show
from llm_course.teaching.parsons import parsons as parsons
from llm_course.teaching.playgrounds import chat_box as chat_box
from llm_course.teaching.playgrounds import decoding_playground as decoding_playground
from llm_course.teaching.playgrounds import robot_playground as robot_playground
from llm_course.teaching.playgrounds import scene_playground as scene_playground
from llm_course.teaching.playgrounds import sentiment_playground as sentiment_playground
from llm_course.teaching.playgrounds import summary_playground as summary_playground
from llm_course.teaching.playgrounds import translation_playground as translation_playground
from llm_course.teaching.predicting import predict as predict
from llm_course.teaching.predicting import reveal as reveal
from llm_course.teaching.progress import progress as progress
from llm_course.teaching.progress import reset_progress as reset_progress
from llm_course.teaching.quizzes import quiz as quiz
from llm_course.use_cases.chat import chat as chat
from llm_course.use_cases.embeddings import embed as embed
from llm_course.use_cases.embodied import act as act
from llm_course.use_cases.embodied import carry_out as carry_out
from llm_course.use_cases.fill_mask import fill_mask as fill_mask
from llm_course.use_cases.generation import generate as generate
from llm_course.use_cases.generation import next_tokens as next_tokens
from llm_course.use_cases.generation import perplexity as perplexity
from llm_course.use_cases.generation import stream as stream
from llm_course.use_cases.generation import tokenize as tokenize
from llm_course.use_cases.sentiment import sentiment as sentiment
from llm_course.use_cases.summarization import summarize as summarize
from llm_course.use_cases.translation import translate as translate
from llm_course.use_cases.vision import ask as ask
from llm_course.use_cases.vision import describe as describe
from llm_course.worlds import scenes as scenes
from llm_course.worlds import tabletop as tabletop

__version__: str
__all__: list[str]
